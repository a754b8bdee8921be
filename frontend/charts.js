// Draws the chart of a KPI's page from the JSON beside it. Texts come written from the server; only the axes are
// labelled here. How a line looks is read from its entry in the legend, so that colours stay in the style sheet.
import { BarChart, LineChart } from "echarts/charts";
import { AriaComponent, GridComponent, TooltipComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([AriaComponent, BarChart, CanvasRenderer, GridComponent, LineChart, TooltipComponent]);

const ROUND_STEPS = [1, 2, 2.5, 5, 10];
// Seconds are read in minutes, hours and days.
const TIME_STEPS = [15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200];
const DAY = 86400;
const TIME_UNITS = [[DAY, "d"], [3600, "h"], [60, "min"], [1, "s"]];
const VALUE_STEPS = 4;
const COUNT_STEPS = 2;
const ROOM_FOR_BANDS = 1.25;

function roundStep(size) {
  const power = 10 ** Math.floor(Math.log10(size));
  return power * ROUND_STEPS.find((step) => step * power >= size);
}

function timeStep(size) {
  if (size <= 10) return roundStep(size);
  return TIME_STEPS.find((step) => step >= size) ?? DAY * roundStep(size / DAY);
}

// An axis from zero that holds every value. Bands may be cut off at its top: the interval of a day with few events would
// press all lines flat, and the pointer shows its ends. ECharts would divide minutes by tens: 33.33 min.
function makeAxis(values, { steps, unit, ends = [] }) {
  const known = Math.max(0, ...values);
  const highest = Math.max(known, Math.min(known * ROOM_FOR_BANDS, Math.max(0, ...ends))) || 1;
  const interval = (unit === "seconds" ? timeStep : roundStep)(highest / steps);
  return { type: "value", min: 0, max: interval * Math.min(steps, Math.ceil(highest / interval)), interval };
}

function axisText(value, unit) {
  if (unit === "ratio") return `${+(value * 100).toFixed(1)}%`;
  if (unit === "usd") {
    const digits = Number.isInteger(value) ? 0 : 2;
    return `$${value.toLocaleString("en-GB", { minimumFractionDigits: digits, maximumFractionDigits: 4 })}`;
  }
  if (value === 0) return "0";
  const [size, name] = TIME_UNITS.find(([seconds]) => value >= seconds) ?? TIME_UNITS.at(-1);
  return `${+(value / size).toFixed(2)} ${name}`;
}

// A token may be light-dark(): only an element's computed colour is one that a canvas understands.
function tokens(...names) {
  const probe = document.createElement("span");
  document.body.append(probe);
  const colours = names.map((name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  });
  probe.remove();
  return colours;
}

function element(name, className, ...content) {
  const made = Object.assign(document.createElement(name), { className });
  made.append(...content);
  return made;
}

// Elements, not markup: nothing of an event is ever parsed as HTML, and no style attribute meets the policy.
function tooltip({ name, figures }) {
  const rows = figures.map((figure) => element("div", "tip-row", ...figure.map((part) => element("span", "", part))));
  return element("div", "tip", element("div", "tip-name", name), ...rows);
}

// A value between two gaps has no line to be seen by: it gets its point.
function withLonePoints(values) {
  return values.map((value, index) => {
    const isLone = value !== null && (values[index - 1] ?? null) === null && (values[index + 1] ?? null) === null;
    return isLone ? { value, symbol: "circle", symbolSize: 6 } : { value, symbol: "none" };
  });
}

function makeBars({ key, name, values }, look) {
  const style = { color: look.fill, opacity: Number(look.opacity) };
  // A band over the whole height behind everything else, on axes of its own.
  if (key === "alert") return { name, data: values, type: "bar", barWidth: "100%", itemStyle: style, xAxisIndex: 2, yAxisIndex: 2, z: 0, silent: true };
  if (key !== "count") return { name, data: values, type: "bar", barMaxWidth: 28, itemStyle: { ...style, borderRadius: [3, 3, 0, 0] } };
  return { name, data: values, type: "bar", barCategoryGap: "25%", itemStyle: style, xAxisIndex: 1, yAxisIndex: 1 };
}

// A flag at the upper edge, on the axes of the bands.
function makeFlags({ name, values }, look) {
  return {
    name, data: values, type: "line", xAxisIndex: 2, yAxisIndex: 2, z: 4, silent: true, showAllSymbol: true,
    symbol: "triangle", symbolRotate: 180, symbolSize: 11, symbolOffset: [0, 5],
    itemStyle: { color: look.fill }, lineStyle: { width: 0 },
  };
}

// A block whose end is open, or above the chart, fades out towards the edge. A computed colour is rgb() with commas.
function fadingOut(colour) {
  const nothing = colour.replace("rgb(", "rgba(").replace(")", ", 0)");
  return { type: "linear", x: 0, y: 1, x2: 0, y2: 0, colorStops: [{ offset: 0, color: colour }, { offset: 1, color: nothing }] };
}

// Each period has an interval of its own: a block from its low to its high end, on one that is not seen.
function makeBand({ name, values, lows }, look, top) {
  const blocks = values.map((high, index) => {
    if (high === null && lows[index] === null) return { low: null, data: null };
    const low = lows[index] ?? 0;
    if (high !== null && high <= top) return { low, data: high - low };
    return { low, data: { value: Math.max(0, top - low), itemStyle: { color: fadingOut(look.fill) } } };
  });
  const bar = { name, type: "bar", stack: "interval", barWidth: "100%", silent: true, emphasis: { disabled: true }, z: 1 };
  return [
    { ...bar, data: blocks.map(({ low }) => low), itemStyle: { color: "transparent" } },
    { ...bar, data: blocks.map(({ data }) => data), itemStyle: { color: look.fill, opacity: Number(look.opacity) } },
  ];
}

function makeLine({ key, name, values }, look, hasBand) {
  const dashes = look.strokeDasharray.match(/\d+/g);
  return {
    name, data: withLonePoints(values), type: "line", showAllSymbol: true, emphasis: { disabled: true },
    itemStyle: { color: look.stroke },
    lineStyle: { color: look.stroke, width: parseFloat(look.strokeWidth), cap: look.strokeLinecap, type: dashes?.map(Number) ?? "solid" },
    // What holds for a whole period is level over it.
    step: ["target", "baseline"].includes(key) ? "middle" : false,
    // Two areas of one colour would be read as three.
    areaStyle: key === "value" && !hasBand ? { color: look.stroke, opacity: 0.09 } : undefined,
  };
}

function makeOption(data, entries) {
  const [ink, soft, rule] = tokens("ink", "ink-soft", "line");
  const font = getComputedStyle(document.body).fontFamily;
  const labels = { color: soft, fontSize: 12, fontFamily: font };
  const category = { type: "category", data: data.periods.map(({ label }) => label), axisTick: { show: false }, axisLine: { lineStyle: { color: rule } } };
  const shown = data.lines.filter(({ key }) => entries.get(key).getAttribute("aria-pressed") === "true");
  const valuesOf = (isOfAxis) => shown.filter(isOfAxis).flatMap(({ values }) => values);
  const valueAxis = makeAxis(valuesOf(({ key }) => !["count", "alert", "annotation", "interval"].includes(key)), {
    steps: VALUE_STEPS, unit: data.unit, ends: valuesOf(({ key }) => key === "interval"),
  });
  const countAxis = makeAxis(valuesOf(({ key }) => key === "count"), { steps: COUNT_STEPS, unit: "count" });
  return {
    animation: false,
    textStyle: { fontFamily: font },
    aria: { enabled: true, label: { description: data.summary } },
    grid: [
      { left: 62, right: 8, top: 8, height: "63%" },
      { left: 62, right: 8, bottom: 24, height: "14%" },
    ],
    axisPointer: { link: [{ xAxisIndex: "all" }], lineStyle: { color: soft } },
    tooltip: {
      trigger: "axis", confine: true, backgroundColor: "transparent", borderWidth: 0, padding: 0, extraCssText: "box-shadow: none",
      textStyle: { color: ink }, axisPointer: { type: "line", lineStyle: { color: soft, type: "solid", width: 1 } },
      formatter: (items) => tooltip(data.periods[items[0].dataIndex]),
    },
    xAxis: [
      { ...category, axisLabel: { show: false } },
      { ...category, gridIndex: 1, axisLabel: { ...labels, hideOverlap: true } },
      { ...category, show: false },
    ],
    yAxis: [
      {
        ...valueAxis,
        axisLabel: { ...labels, formatter: (value) => axisText(value, data.unit) }, splitLine: { lineStyle: { color: rule } },
      },
      // A low strip: there is room for its two ends only.
      { ...countAxis, interval: countAxis.max, gridIndex: 1, axisLabel: { ...labels, hideOverlap: true }, splitLine: { show: false } },
      { type: "value", min: 0, max: 1, show: false },
    ],
    series: shown.flatMap((line) => {
      const look = getComputedStyle(entries.get(line.key).querySelector("[data-chart-look]"));
      if (line.key === "interval") return makeBand(line, look, valueAxis.max);
      if (line.key === "annotation") return makeFlags(line, look);
      return line.is_bar ? makeBars(line, look) : makeLine(line, look, shown.some(({ key }) => key === "interval"));
    }),
  };
}

function draw(figure) {
  const source = document.getElementById("chart-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const entries = new Map([...figure.querySelectorAll("[data-chart-line]")].map((entry) => [entry.dataset.chartLine, entry]));
  // Before the canvas is measured: without its room it would be empty.
  figure.dataset.drawn = "";
  const canvas = figure.querySelector("[data-chart-canvas]");
  const chart = init(canvas);
  const update = () => chart.setOption(makeOption(data, entries), { notMerge: true });
  for (const entry of entries.values()) {
    entry.addEventListener("click", () => {
      entry.setAttribute("aria-pressed", String(entry.getAttribute("aria-pressed") !== "true"));
      update();
    });
  }
  // A click on a period leads to what counted in it.
  chart.getZr().on("click", ({ offsetX: x, offsetY: y }) => {
    if (![0, 1].some((gridIndex) => chart.containPixel({ gridIndex }, [x, y]))) return;
    const url = data.periods[chart.convertFromPixel({ xAxisIndex: 0 }, x)]?.url;
    if (url) location.assign(url);
  });
  update();
  new ResizeObserver(() => chart.resize()).observe(canvas);
  document.addEventListener("themechange", update);
}

for (const figure of document.querySelectorAll("[data-chart]")) draw(figure);
