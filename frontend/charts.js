// Draws the chart of a KPI's page from the JSON beside it. Texts come written from the server; only the axes are
// labelled here. How a line looks is read from its entry in the legend, so that colours stay in the style sheet.
import { BarChart, LineChart } from "echarts/charts";
import { AriaComponent, GridComponent, TooltipComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { CanvasRenderer, SVGRenderer } from "echarts/renderers";

use([AriaComponent, BarChart, CanvasRenderer, GridComponent, LineChart, SVGRenderer, TooltipComponent]);

const ROUND_STEPS = [1, 2, 2.5, 5, 10];
// Seconds are read in minutes, hours and days.
const TIME_STEPS = [15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200];
const DAY = 86400;
const TIME_UNITS = [[DAY, "d"], [3600, "h"], [60, "min"], [1, "s"]];
const VALUE_STEPS = 4;
const COUNT_STEPS = 2;
const ROOM_FOR_BANDS = 1.25;
// Of a sheet of A4 within its margins, in CSS pixels.
const PAPER_WIDTH = 680;
const PAPER_HEIGHT = 250;

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

// As the page's language writes numbers; in English as the server does.
const LANGUAGE = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang;

function numberText(value, options) {
  return value.toLocaleString(LANGUAGE, options);
}

function axisText(value, unit) {
  if (unit === "ratio") return numberText(value, { style: "percent", maximumFractionDigits: 1 });
  if (unit === "usd") {
    const digits = Number.isInteger(value) ? 0 : 2;
    const options = { style: "currency", currency: "USD", currencyDisplay: "narrowSymbol" };
    return numberText(value, { ...options, minimumFractionDigits: digits, maximumFractionDigits: 4 });
  }
  if (value === 0) return "0";
  if (unit === "count") return numberText(value, { maximumFractionDigits: 2 });
  const [size, name] = TIME_UNITS.find(([seconds]) => value >= seconds) ?? TIME_UNITS.at(-1);
  return `${numberText(value / size, { maximumFractionDigits: 2 })} ${name}`;
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

// ECharts writes it into attributes as it is.
function fontFamily() {
  return getComputedStyle(document.body).fontFamily.replaceAll('"', "'");
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

function tooltipOption(data, { ink, soft }) {
  return {
    trigger: "axis", confine: true, backgroundColor: "transparent", borderWidth: 0, padding: 0, extraCssText: "box-shadow: none",
    textStyle: { color: ink }, axisPointer: { type: "line", lineStyle: { color: soft, type: "solid", width: 1 } },
    formatter: (items) => tooltip(data.periods[items[0].dataIndex]),
  };
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

// A flag at the upper edge, on the axes of the bands. What changed afterwards stands at the lower one.
const FLAGS = {
  annotation: { symbol: "triangle", symbolRotate: 180, symbolSize: 11, symbolOffset: [0, 5] },
  changed: { symbol: "diamond", symbolSize: 10, symbolOffset: [0, -7] },
};
const AT_THE_FOOT = ["changed"];

// The numbers of the notes below a picture, which are in the order of time.
function noteNumbers(data) {
  const name = data.lines.find(({ key }) => key === "annotation")?.name;
  let number = 0;
  return data.periods.map(({ figures }) => figures.filter(([called]) => called === name).map(() => ++number).join(", "));
}

function makeFlags({ key, name, values }, look, { notes = [], ink }) {
  const border = look.stroke === "none" ? {} : { borderColor: look.stroke, borderWidth: parseFloat(look.strokeWidth) };
  return {
    name, data: values.map((value) => (AT_THE_FOOT.includes(key) && value !== null ? 0 : value)),
    type: "line", xAxisIndex: 2, yAxisIndex: 2, z: 4, silent: true, showAllSymbol: true,
    ...FLAGS[key], itemStyle: { color: look.fill, ...border }, lineStyle: { width: 0 },
    label: {
      show: key === "annotation" && notes.length > 0, position: "bottom", distance: 8, color: ink, fontSize: 11,
      formatter: ({ dataIndex }) => notes[dataIndex],
    },
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

function makeOption(data, entries, { isPicture = false } = {}) {
  const [ink, soft, rule] = tokens("ink", "ink-soft", "line");
  const font = fontFamily();
  const labels = { color: soft, fontSize: 12, fontFamily: font };
  const category = { type: "category", data: data.periods.map(({ label }) => label), axisTick: { show: false }, axisLine: { lineStyle: { color: rule } } };
  const shown = data.lines.filter(({ key }) => entries.get(key).getAttribute("aria-pressed") === "true");
  const valuesOf = (isOfAxis) => shown.filter(isOfAxis).flatMap(({ values }) => values);
  const valueAxis = makeAxis(valuesOf(({ key }) => !["count", "alert", "interval", ...Object.keys(FLAGS)].includes(key)), {
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
    tooltip: tooltipOption(data, { ink, soft }),
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
      if (line.key in FLAGS) return makeFlags(line, look, { notes: isPicture ? noteNumbers(data) : [], ink });
      return line.is_bar ? makeBars(line, look) : makeLine(line, look, shown.some(({ key }) => key === "interval"));
    }),
  };
}

// The values of a breakdown: lines, or bars on top of each other whose axis holds the whole stack.
function makeBreakdown(data, entries) {
  const [ink, soft, rule, surface] = tokens("ink", "ink-soft", "line", "surface");
  const font = fontFamily();
  const labels = { color: soft, fontSize: 12, fontFamily: font };
  const shown = data.lines.filter(({ key }) => entries.get(key).getAttribute("aria-pressed") === "true");
  const heights = data.is_stacked
    ? data.periods.map((_, index) => shown.reduce((sum, { values }) => sum + (values[index] ?? 0), 0))
    : shown.flatMap(({ values }) => values);
  return {
    animation: false,
    textStyle: { fontFamily: font },
    aria: { enabled: true, label: { description: data.summary } },
    grid: { left: 62, right: 8, top: 8, bottom: 24 },
    tooltip: tooltipOption(data, { ink, soft }),
    xAxis: {
      type: "category", data: data.periods.map(({ label }) => label), axisTick: { show: false },
      axisLine: { lineStyle: { color: rule } }, axisLabel: { ...labels, hideOverlap: true },
    },
    yAxis: {
      ...makeAxis(heights, { steps: VALUE_STEPS, unit: data.unit }),
      axisLabel: { ...labels, formatter: (value) => axisText(value, data.unit) }, splitLine: { lineStyle: { color: rule } },
    },
    series: shown.map((line) => {
      const look = getComputedStyle(entries.get(line.key).querySelector("[data-chart-look]"));
      if (!line.is_bar) return makeLine(line, look, true);
      const style = { color: look.fill, borderColor: surface, borderWidth: data.periods.length > 100 ? 0 : 0.5 };
      return { name: line.name, data: line.values, type: "bar", stack: "breakdown", barCategoryGap: "25%", barMaxWidth: 28, itemStyle: style };
    }),
  };
}

// The chart as SVG, for a picture that somebody saves: no canvas has lines that stay sharp at any size.
function drawPicture(option, request) {
  const picture = init(null, null, { renderer: "svg", ssr: true, width: request.width, height: request.height });
  picture.setOption(option);
  request.svg = picture.renderToSVGString();
  picture.dispose();
}

// On paper the chart has the width of the sheet and the colours of the light theme, which a canvas does not follow.
function followPaper(chart, canvas, update) {
  addEventListener("beforeprint", () => {
    document.documentElement.dataset.printing = "";
    chart.resize({ width: PAPER_WIDTH, height: PAPER_HEIGHT });
    update();
  });
  addEventListener("afterprint", () => {
    delete document.documentElement.dataset.printing;
    chart.resize({ width: canvas.clientWidth, height: canvas.clientHeight });
    update();
  });
}

function draw(figure) {
  const source = document.getElementById(figure.dataset.chart);
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const entries = new Map([...figure.querySelectorAll("[data-chart-line]")].map((entry) => [entry.dataset.chartLine, entry]));
  // Before the canvas is measured: without its room it would be empty.
  figure.dataset.drawn = "";
  const canvas = figure.querySelector("[data-chart-canvas]");
  // Twice as fine as a plain screen: paper is.
  const chart = init(canvas, null, { devicePixelRatio: Math.max(2, devicePixelRatio) });
  const makeOptionOf = "is_stacked" in data ? makeBreakdown : makeOption;
  const update = () => chart.setOption(makeOptionOf(data, entries), { notMerge: true });
  for (const entry of entries.values()) {
    entry.addEventListener("click", () => {
      entry.setAttribute("aria-pressed", String(entry.getAttribute("aria-pressed") !== "true"));
      update();
    });
  }
  // A click on a period leads to what counted in it.
  if (data.periods.some(({ url }) => url)) chart.getZr().on("click", ({ offsetX: x, offsetY: y }) => {
    if (![0, 1].some((gridIndex) => chart.containPixel({ gridIndex }, [x, y]))) return;
    const url = data.periods[chart.convertFromPixel({ xAxisIndex: 0 }, x)]?.url;
    if (url) location.assign(url);
  });
  update();
  new ResizeObserver(() => {
    if (!("printing" in document.documentElement.dataset)) chart.resize();
  }).observe(canvas);
  canvas.addEventListener("drawpicture", ({ detail }) => drawPicture(makeOptionOf(data, entries, { isPicture: true }), detail));
  followPaper(chart, canvas, update);
  document.addEventListener("themechange", update);
}

for (const figure of document.querySelectorAll("[data-chart]")) draw(figure);
