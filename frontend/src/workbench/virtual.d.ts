/** Made by the build (left-out.ts). */
declare module 'virtual:extension-answers'
