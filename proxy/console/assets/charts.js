// Draws the last hour's rates and times from the gate's numbers; the page has them as a table, too.
"use strict";

const place = document.getElementById("charts");
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const CHARTS = [
  { title: "Statements a second", lines: [["passed", "passed"], ["refused", "refused"]] },
  { title: "Milliseconds to judge a new statement", lines: [["half", "half_ms"], ["99 of 100", "most_ms"]] },
];
const drawn = [];

function options(chart, width) {
  const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  return {
    width,
    height: 180,
    tzDate: (moment) => uPlot.tzDate(new Date(moment * 1000), "Etc/UTC"),
    cursor: { points: { size: 6 } },
    scales: { y: { range: (u, low, high) => [0, high > 0 ? high * 1.1 : 1] } },
    axes: [{ ...axis, values: [[60, "{HH}:{mm}"], [0, "{HH}:{mm}:{ss}"]] }, { ...axis, size: 55 }],
    series: [
      { label: "UTC", value: "{HH}:{mm}:{ss}" },
      ...chart.lines.map(([label], at) => ({
        label, stroke: colour(`--chart-${at + 1}`), width: 2, spanGaps: true, value: (u, value) => value === null ? "none" : Number(value.toPrecision(3)),
      })),
    ],
  };
}

function draw(numbers) {
  const columns = (chart) => [numbers.at, ...chart.lines.map(([, key]) => numbers[key])];
  CHARTS.forEach((chart, at) => {
    if (drawn[at]) {
      drawn[at].setData(columns(chart));
      return;
    }
    const figure = place.appendChild(document.createElement("figure"));
    figure.appendChild(document.createElement("figcaption")).textContent = chart.title;
    const canvas = figure.appendChild(document.createElement("div"));
    canvas.setAttribute("aria-hidden", "true"); // the table below says the same
    drawn[at] = new uPlot(options(chart, figure.clientWidth), columns(chart), canvas);
    new ResizeObserver(() => drawn[at].setSize({ width: figure.clientWidth, height: 180 })).observe(figure);
  });
}

async function refresh() {
  const answer = await fetch(place.dataset.numbers);
  if (answer.ok) {
    const numbers = await answer.json();
    if (numbers.at.length > 1) draw(numbers); // of one moment there is no line, and no axis
  }
}

refresh();
setInterval(refresh, 10000);
