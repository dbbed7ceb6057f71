// The error page's manners: opening frames in the editor, copying, keys, and the theme of the page around it.
// Everything but these works without it. It talks to one origin only, in one direction each: {open, line} out, {theme} in.
(() => {
  "use strict";
  const root = document.documentElement;
  const editor = root.dataset.editor;
  const framed = window.parent !== window && Boolean(editor);
  if (!framed) root.classList.add("alone");

  const all = (selector) => [...document.querySelectorAll(selector)];
  const open = (link) => window.parent.postMessage({ open: link.dataset.open, line: Number(link.dataset.line) }, editor);

  window.addEventListener("message", (event) => {
    if (!framed || event.source !== window.parent || event.origin !== editor) return;
    const theme = event.data && event.data.theme;
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else if (theme === "system") delete root.dataset.theme;
  });

  async function copy() {
    const button = document.querySelector("[data-copy]");
    const label = button.querySelector("span");
    const text = document.getElementById("traceback-text").textContent;
    let copied = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // A frame without the clipboard permission, or a page over plain http.
      const area = Object.assign(document.createElement("textarea"), { value: text, className: "visually-hidden" });
      document.body.append(area);
      area.select();
      copied = document.execCommand("copy");
      area.remove();
      button.focus({ preventScroll: true });
    }
    button.style.minWidth = `${button.offsetWidth}px`; // the row must not move
    label.textContent = copied ? "Copied" : "Not copied";
    setTimeout(() => (label.textContent = "Copy as text"), 1600);
  }

  function step(by) {
    const frames = all(".fbox").filter((box) => box.checkVisibility());
    const at = frames.findIndex((box) => box.contains(document.activeElement));
    const box = frames[Math.max(0, Math.min(frames.length - 1, at + by))];
    if (!box) return;
    box.querySelector("details").open = true;
    box.querySelector("summary").focus({ preventScroll: true });
    box.scrollIntoView({ block: "nearest" });
  }

  function openCurrent() {
    const focused = document.activeElement && document.activeElement.closest(".fbox");
    const link = (focused && focused.querySelector(".open[data-open]")) || document.querySelector(".go[data-open]");
    if (link && framed) open(link);
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-open]");
    if (link && framed) {
      event.preventDefault();
      open(link);
    } else if (event.target.closest("[data-copy]")) {
      copy();
    } else if (event.target.closest("[data-again]")) {
      event.preventDefault();
      location.reload();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
    const act = { e: openCurrent, c: copy, j: () => step(1), k: () => step(-1) }[event.key.toLowerCase()];
    if (!act || !document.querySelector("[data-copy]")) return;
    event.preventDefault();
    act();
  });
})();
