# Ruby's pg, with its map of basic types.
require "bigdecimal"
require "date"
require "json"
require "pg"

def say(step, value)
  puts JSON.generate({ step: step, value: value })
end

def told(error)
  fields = { sqlstate: PG::PG_DIAG_SQLSTATE, message: PG::PG_DIAG_MESSAGE_PRIMARY,
             detail: PG::PG_DIAG_MESSAGE_DETAIL, hint: PG::PG_DIAG_MESSAGE_HINT }
  { class: error.class.name }.merge(fields.transform_values { |field| error.result.error_field(field) })
end

def failure
  yield
  raise "it passed"
rescue PG::Error => error
  error
end

db = PG.connect(ARGV[0])
db.type_map_for_results = PG::BasicTypeMapForResults.new(db)
db.type_map_for_queries = PG::BasicTypeMapForQueries.new(db)
insert = "INSERT INTO orders VALUES ($1, $2)"
ids = lambda do |first, last|
  db.exec_params("SELECT id FROM orders WHERE id BETWEEN $1 AND $2 ORDER BY id", [first, last]).column_values(0)
end
item = ->(id) { db.exec_prepared("item", [id]).column_values(0).first }
pid = db.backend_pid
say("connect", PG::VERSION)

db.exec("CREATE TEMP TABLE scratch (id int PRIMARY KEY, label text, price numeric(10, 2), day date, doc jsonb," \
        " raw bytea, tags int[], nothing text)")
values = [1, "déjà 🐘 \\ ' \"", BigDecimal("12.50"), Date.new(2026, 3, 4), JSON.generate({ a: [1, nil, "x"] }),
          PG::BasicTypeMapForQueries::BinaryData.new(["00ff0d0a"].pack("H*")), [1, 2, 3], nil]
db.exec_params("INSERT INTO scratch VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", values)
row = db.exec("SELECT label, price, day, doc, raw, tags, nothing FROM scratch").first
say("values", row.merge("price" => row["price"].to_s("F").sub(/\.(\d)$/, '.\10'), "day" => row["day"].iso8601,
                        "raw" => row["raw"].unpack1("H*")))

db.transaction { db.exec_params(insert, [2, "desk"]) }
begin
  db.transaction do
    db.exec_params(insert, [3, "chair"])
    raise "roll back"
  end
rescue RuntimeError # PG rolled back
end
say("transactions", ids.call(1, 9))

db.prepare("item", "SELECT item FROM orders WHERE id = $1")
say("prepared", [1, 2, 9].map(&item))

db.enter_pipeline_mode
[[10, "a"], [11, "b"], [12, "c"]].each { |order| db.send_query_params(insert, order) }
db.pipeline_sync
3.times { db.get_result.check && db.get_result }
db.get_result
db.exit_pipeline_mode
say("batch", ids.call(10, 19))

db.copy_data("COPY orders FROM STDIN") { ["20\tpen\n21", "\tink\n"].each { |piece| db.put_copy_data(piece) } }
copied = +""
db.copy_data("COPY (SELECT * FROM orders WHERE id IN (20, 21) ORDER BY id) TO STDOUT") do
  while (line = db.get_copy_data) do copied << line end
end
say("copy", copied)

db.exec("LISTEN news")
db.exec("NOTIFY news, 'hello'")
db.wait_for_notify(20) { |channel, _, payload| say("notify", [channel, payload]) }
say("columns", db.exec("SELECT * FROM orders LIMIT 0").fields)

say("refused_drop", told(failure { db.exec("DROP TABLE orders") }))
db.exec("BEGIN")
db.exec_params(insert, [30, "never"])
say("refused_delete", told(failure { db.exec_params("DELETE FROM orders", []) }))
say("aborted", failure { db.exec("SELECT 1") }.result.error_field(PG::PG_DIAG_SQLSTATE))
db.exec("ROLLBACK")
say("rolled_back", ids.call(30, 39))

found = item.call(1)
db.exec_params(insert, [40, "vase"])
changed = db.exec_params("UPDATE orders SET item = $1 WHERE id = $2", ["table", 2]).cmd_tuples
scratch = db.exec("SELECT count(*) FROM scratch").getvalue(0, 0)
same = db.exec("SELECT pg_backend_pid()").getvalue(0, 0) == pid
db.exec("DROP TABLE scratch")
say("more_work", { item: found, changed: changed, scratch: scratch, same_connection: same })
db.close
