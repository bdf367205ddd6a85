// Go's pgx, version 4: named statements, binary results, a batch, COPY.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"bytes"
	"time"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgtype"
	"github.com/jackc/pgx/v4"
)

// version is the driver's, put in when this is built.
var version string

var ctx, cancel = context.WithTimeout(context.Background(), time.Minute)

const insert = "INSERT INTO orders VALUES ($1, $2)"

type object = map[string]interface{}

func say(step string, value interface{}) {
	line, err := json.Marshal(object{"step": step, "value": value})
	must(err)
	fmt.Println(string(line))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// told is an error as its user gets at it.
func told(err error) object {
	var shown *pgconn.PgError
	if !errors.As(err, &shown) {
		panic(fmt.Sprint("no error of the server: ", err))
	}
	return object{
		"class": fmt.Sprintf("%T", shown), "sqlstate": shown.Code, "message": shown.Message,
		"detail": shown.Detail, "hint": shown.Hint,
	}
}

type play struct{ *pgx.Conn }

func (db play) run(text string, values ...interface{}) int64 {
	tag, err := db.Exec(ctx, text, values...)
	must(err)
	return tag.RowsAffected()
}

func (db play) fails(text string) error {
	_, err := db.Exec(ctx, text)
	return err
}

func (db play) ids(first, last int) []int {
	rows, err := db.Query(ctx, "SELECT id FROM orders WHERE id BETWEEN $1 AND $2 ORDER BY id", first, last)
	must(err)
	defer rows.Close()
	ids := []int{}
	for rows.Next() {
		var id int
		must(rows.Scan(&id))
		ids = append(ids, id)
	}
	must(rows.Err())
	return ids
}

func (db play) item(id int) *string {
	var item string
	err := db.QueryRow(ctx, "item", id).Scan(&item)
	if err == pgx.ErrNoRows {
		return nil
	}
	must(err)
	return &item
}

func (db play) number(query string) (number int) {
	must(db.QueryRow(ctx, query).Scan(&number))
	return number
}

func (db play) values() {
	db.run("CREATE TEMP TABLE scratch (id int PRIMARY KEY, label text, price numeric(10, 2), day date, doc jsonb," +
		" raw bytea, tags int[], nothing text)")
	raw, _ := hex.DecodeString("00ff0d0a")
	doc := object{"a": []interface{}{1, nil, "x"}}
	day := time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)
	db.run("INSERT INTO scratch VALUES (1, $1, $2, $3, $4, $5, $6, $7)",
		"déjà 🐘 \\ ' \"", "12.50", day, doc, raw, []int32{1, 2, 3}, nil)
	var label string
	var price pgtype.Numeric
	var tags []int32
	var nothing *string
	doc, raw, day = nil, nil, time.Time{}
	must(db.QueryRow(ctx, "SELECT label, price, day, doc, raw, tags, nothing FROM scratch").Scan(
		&label, &price, &day, &doc, &raw, &tags, &nothing))
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(-price.Exp)), nil)
	say("values", object{
		"label": label, "price": new(big.Rat).SetFrac(price.Int, scale).FloatString(2),
		"day": day.Format("2006-01-02"), "doc": doc, "raw": hex.EncodeToString(raw), "tags": tags,
		"nothing": nothing,
	})
}

func (db play) work() {
	tx, err := db.Begin(ctx)
	must(err)
	db.run(insert, 2, "desk")
	must(tx.Commit(ctx))
	tx, err = db.Begin(ctx)
	must(err)
	db.run(insert, 3, "chair")
	must(tx.Rollback(ctx))
	say("transactions", db.ids(1, 9))

	_, err = db.Prepare(ctx, "item", "SELECT item FROM orders WHERE id = $1")
	must(err)
	say("prepared", []*string{db.item(1), db.item(2), db.item(9)})

	batch := &pgx.Batch{}
	for at, item := range []string{"a", "b", "c"} {
		batch.Queue(insert, 10+at, item)
	}
	must(db.SendBatch(ctx, batch).Close())
	say("batch", db.ids(10, 19))

	_, err = db.CopyFrom(ctx, pgx.Identifier{"orders"}, []string{"id", "item"},
		pgx.CopyFromRows([][]interface{}{{20, "pen"}, {21, "ink"}}))
	must(err)
	var out bytes.Buffer
	_, err = db.PgConn().CopyTo(ctx, &out, "COPY (SELECT * FROM orders WHERE id IN (20, 21) ORDER BY id) TO STDOUT")
	must(err)
	say("copy", out.String())

	db.run("LISTEN news")
	db.run("NOTIFY news, 'hello'")
	heard, err := db.WaitForNotification(ctx)
	must(err)
	say("notify", []string{heard.Channel, heard.Payload})

	described, err := db.Prepare(ctx, "described", "SELECT * FROM orders")
	must(err)
	columns := []string{}
	for _, field := range described.Fields {
		columns = append(columns, string(field.Name))
	}
	say("columns", columns)
}

func (db play) refusals() {
	say("refused_drop", told(db.fails("DROP TABLE orders")))
	tx, err := db.Begin(ctx)
	must(err)
	db.run(insert, 30, "never")
	say("refused_delete", told(db.fails("DELETE FROM orders")))
	say("aborted", told(db.fails("SELECT 1"))["sqlstate"])
	must(tx.Rollback(ctx))
	say("rolled_back", db.ids(30, 39))
}

func main() {
	defer cancel()
	conn, err := pgx.Connect(ctx, os.Args[1])
	must(err)
	defer conn.Close(ctx)
	db := play{conn}
	pid := int(conn.PgConn().PID())
	say("connect", version)
	db.values()
	db.work()
	db.refusals()

	found := db.item(1)
	db.run(insert, 40, "vase")
	changed := db.run("UPDATE orders SET item = $1 WHERE id = $2", "table", 2)
	scratch, same := db.number("SELECT count(*) FROM scratch"), db.number("SELECT pg_backend_pid()") == pid
	db.run("DROP TABLE scratch")
	say("more_work", object{"item": found, "changed": changed, "scratch": scratch, "same_connection": same})
}
