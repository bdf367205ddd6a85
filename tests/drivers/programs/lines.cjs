// What the programs for node share: how a step is told, an error's class, and the row of the step values.
"use strict";

const { readFileSync } = require("node:fs");

exports.SCRATCH =
  "CREATE TEMP TABLE scratch (id int PRIMARY KEY, label text, price numeric(10, 2), day date, doc jsonb, " +
  "raw bytea, tags int[], nothing text)";
exports.LABEL = "déjà 🐘 \\ ' \"";
exports.PRICE = "12.50";
exports.DAY = "2026-03-04";
exports.DOC = { a: [1, null, "x"] };
exports.RAW = Buffer.from("00ff0d0a", "hex");
exports.TAGS = [1, 2, 3];

exports.say = (step, value) => console.log(JSON.stringify({ step, value }));

exports.sayValues = ({ label, price, day, doc, raw, tags, nothing }) =>
  exports.say("values", {
    label,
    price: String(price),
    // Dates come as midnight in this process's zone.
    day: day instanceof Date ? day.toLocaleDateString("sv-SE") : day,
    doc,
    raw: Buffer.from(raw).toString("hex"),
    tags: [...tags],
    nothing,
  });

// An error's class, and the fields of the error or of what it wraps.
exports.told = (error, shown = error) => ({
  class: error.constructor.name,
  sqlstate: shown.code ?? null,
  message: shown.message ?? null,
  detail: shown.detail ?? null,
  hint: shown.hint ?? null,
});

// What a promise fails with.
exports.failure = (promise) =>
  promise.then(
    () => { throw new Error("it passed"); },
    (error) => error,
  );

exports.version = (name) =>
  JSON.parse(readFileSync(`${process.env.NODE_PATH}/${name}/package.json`, "utf8")).version;

exports.play = (scenario) =>
  scenario(process.argv[2]).catch((error) => {
    console.error(error);
    process.exit(1);
  });
