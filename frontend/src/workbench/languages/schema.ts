/**
 * What a worker's configuration file may hold, as a JSON schema: for completion and squiggles in quickedit.json and
 * wrangler.jsonc. The settings are those that `preview/bundle.py` and `preview/declared.py` read.
 */
const text = (description: string) => ({ type: 'string', description })
const flag = (description: string) => ({ type: 'boolean', description })

const list = (description: string, required: string[], properties: Record<string, object>) => ({
  type: 'array',
  description,
  items: { type: 'object', required, properties: { binding: text('The name in env'), ...properties } },
})

const shared = {
  $schema: text('The schema of this file, for other editors'),
  name: text('The name of the worker: small letters, digits and hyphens'),
  main: { type: 'string', description: 'The main module; its folder is where imports start', pattern: '\\.py$' },
  compatibility_date: { type: 'string', description: 'The date whose behaviour of the platform this worker expects', pattern: '^\\d{4}-\\d{2}-\\d{2}$' },
  compatibility_flags: { type: 'array', items: { type: 'string' }, description: 'Behaviours switched on or off one by one' },
  kv_namespaces: list('Key-value namespaces: env.NAME is a KVNamespace', ['binding', 'id'], { id: text('The namespace') }),
  d1_databases: list('SQL databases: env.NAME is a D1Database', ['binding', 'database_name'], {
    database_name: text('The database'),
    database_id: text('Its id at Cloudflare'),
    migrations_dir: text('The folder of its migrations, *.sql: "migrations" where it is not named'),
    migrations_table: text('The table of those that were applied: "d1_migrations" where it is not named'),
  }),
  r2_buckets: list('Buckets of objects: env.NAME is an R2Bucket', ['binding', 'bucket_name'], { bucket_name: text('The bucket') }),
  services: list('Other workers: env.NAME is a Service', ['binding', 'service'], { service: text('The name of the other worker') }),
  queues: {
    type: 'object',
    description: 'Queues that this worker sends to, and those whose messages it receives',
    properties: {
      producers: list('Queues to send to: env.NAME is a Queue', ['binding', 'queue'], { queue: text('The queue') }),
      consumers: {
        type: 'array',
        items: {
          type: 'object',
          required: ['queue'],
          properties: {
            queue: text('The queue whose messages the handler «queue» receives'),
            max_batch_size: { type: 'integer', description: 'Messages in one batch at most' },
            max_batch_timeout: { type: 'integer', description: 'Seconds to wait for a batch to fill' },
            max_retries: { type: 'integer', description: 'Times that a message is tried again' },
            dead_letter_queue: text('Where messages go that failed too often'),
          },
        },
      },
    },
  },
  triggers: {
    type: 'object',
    description: 'When the handler «scheduled» runs',
    properties: { crons: { type: 'array', items: text('Minute, hour, day, month, weekday: "*/5 * * * *"') } },
  },
  assets: {
    type: 'object',
    description: 'Static files, served before the worker is asked',
    properties: { directory: text('The folder of the files'), binding: text('The name in env') },
  },
}

const variables = {
  type: 'object',
  description: 'Plain variables: env.NAME is a string',
  additionalProperties: { type: ['string', 'number', 'boolean', 'object', 'array'] },
}

export const SCHEMAS = [
  {
    uri: 'quickedit://schema/quickedit.json',
    fileMatch: ['quickedit.json'],
    schema: { type: 'object', properties: { ...shared, variables }, additionalProperties: true },
  },
  {
    uri: 'quickedit://schema/wrangler.json',
    fileMatch: ['wrangler.jsonc', 'wrangler.json'],
    schema: {
      type: 'object',
      properties: { ...shared, vars: variables, env: { type: 'object', description: 'Settings by environment' }, workers_dev: flag('Of Cloudflare alone') },
    },
  },
]
