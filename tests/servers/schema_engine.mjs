#!/usr/bin/env node
// Prisma's schema engine, compiled to WebAssembly and taken from npm, behind the line-delimited JSON-RPC of the native
// program, which the prisma package would download from a host of its own. What goes on the wire follows the native
// engine: the startup parameter search_path, and each script as one simple Query.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import path from 'node:path'

const require = createRequire(path.join(process.cwd(), 'package.json'))
const argv = process.argv.slice(2)
const option = (name) => argv.flatMap((word, index) => (word === name ? [argv[index + 1]] : []))
const [given] = option('--datasource')
const datasource = given?.startsWith('{') ? given : given && Buffer.from(given, 'base64').toString()
const url = new URL(datasource ? JSON.parse(datasource).url : process.env.DATABASE_URL)
const config = {
  host: url.hostname,
  port: Number(url.port),
  user: decodeURIComponent(url.username),
  database: url.pathname.slice(1),
  max: 1,
  options: url.searchParams.get('options') ?? undefined,
  idleTimeoutMillis: 300,
}

const pg = require('pg')
const startup = pg.Client.prototype.getStartupConf
pg.Client.prototype.getStartupConf = function () {
  return { ...startup.call(this), search_path: '"public"' }
}
// The adapter has no mapping for "char" and name: read them as text.
const Result = require('pg/lib/result.js')
const addFields = Result.prototype.addFields
Result.prototype.addFields = function (fields) {
  for (const field of fields) if ([18, 19].includes(field.dataTypeID)) field.dataTypeID = 25
  return addFields.call(this, fields)
}

if (argv.includes('cli')) {
  // Only one question is asked so: can the database be reached?
  const client = new pg.Client(config)
  await client.connect()
  await client.end()
  process.exit(0)
}

const { PrismaPg } = require('@prisma/adapter-pg')
const { bindMigrationAwareSqlAdapterFactory } = require('@prisma/driver-adapter-utils')
class Native extends PrismaPg {
  async connect() {
    const adapter = await super.connect()
    adapter.executeScript = async (script) => void (await adapter.client.query(script))
    return adapter
  }
}

const folder = path.dirname(require.resolve('@prisma/schema-engine-wasm'))
const glue = await import(path.join(folder, 'schema_engine_bg.js'))
const module = new WebAssembly.Module(readFileSync(path.join(folder, 'schema_engine_bg.wasm')))
const instance = new WebAssembly.Instance(module, { './schema_engine_bg.js': glue })
glue.__wbg_set_wasm(instance.exports)
instance.exports.__wbindgen_start()

const adapter = bindMigrationAwareSqlAdapterFactory(new Native(config))
const datamodels = option('--datamodels').map((file) => [file, readFileSync(file, 'utf8')])
let engine
let busy = 0
let closed = false
const end = () => closed && !busy && process.exit(0)
const say = (value) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...value }) + '\n')

// The engine knows an error of the driver by a number alone.
const told = (error) => {
  const number = /id#?\s?(\d+)/i.exec(error?.message ?? '')
  const cause = number && adapter.errorRegistry.consumeError(Number(number[1]))?.error
  return cause?.cause?.originalMessage ?? cause?.message ?? error?.message ?? String(error)
}

createInterface({ input: process.stdin })
  .on('line', async (line) => {
    const { id, method, params } = JSON.parse(line)
    busy++
    try {
      engine ??= await glue.SchemaEngine.new({ datamodels }, () => {}, adapter)
      const name = method === 'getDatabaseVersion' ? 'version' : method
      say({ id, result: (await engine[name](params)) ?? null })
    } catch (error) {
      const data = { is_panic: false, message: told(error), error_code: error?.code, meta: error?.meta ?? {} }
      say({ id, error: { code: 4466, message: 'An error happened. Check the data field for details.', data } })
    } finally {
      busy--
      end()
    }
  })
  .on('close', () => {
    closed = true
    end()
  })
