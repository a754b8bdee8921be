// Draws the chart of a KPI page over the one that the server drew. Texts come formatted from the server; here
// only axes are labelled. Colours are the page's tokens, so that a chart follows the theme.
import { BarChart, LineChart } from "echarts/charts";
import { AriaComponent, GridComponent, LegendComponent, TooltipComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([AriaComponent, BarChart, CanvasRenderer, GridComponent, LegendComponent, LineChart, TooltipComponent]);

const TIME_UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
const PERCENTILE_WIDTH = 1.25;
const STEPS = 4;

function axisText(value, unit) {
  if (unit === "ratio") return `${+(value * 100).toFixed(1)}%`;
  if (unit === "usd") return `$${value.toLocaleString("en-GB", { maximumFractionDigits: 4 })}`;
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

function row(name, text) {
  const element = document.createElement("div");
  element.className = "tip-row";
  for (const part of [name, text]) {
    element.append(Object.assign(document.createElement("span"), { textContent: part }));
  }
  return element;
}

// Elements, not markup: nothing of an event is ever parsed as HTML, and no style attribute meets the policy.
function tooltip(data, index) {
  const element = Object.assign(document.createElement("div"), { className: "tip" });
  element.append(Object.assign(document.createElement("div"), { className: "tip-name", textContent: data.names[index] }));
  for (const [name, text] of data.details[index]) element.append(row(name, text));
  if (data.previousTexts.length) element.append(row("Previous period", data.previousTexts[index]));
  return element;
}

function line(name, values, colour, more = {}) {
  return {
    name, data: values, type: "line", symbol: "circle", symbolSize: 5, showSymbol: values.length < 2,
    itemStyle: { color: colour }, emphasis: { disabled: true }, ...more,
    lineStyle: { color: colour, width: 2, ...more.lineStyle },
  };
}

function isGiven(values) {
  return values.some((value) => value !== null);
}

// A value between two gaps has no line to be seen by: it gets its point.
function withLonePoints(values) {
  return values.map((value, index) => {
    const isLone = value !== null && (values[index - 1] ?? null) === null && (values[index + 1] ?? null) === null;
    return isLone ? { value, symbol: "circle", symbolSize: 6 } : { value, symbol: "none" };
  });
}

function valueSeries(data, accent) {
  if (data.kind === "sum") {
    return { name: data.valueName, data: data.values, type: "bar", barMaxWidth: 28, itemStyle: { color: accent, borderRadius: [3, 3, 0, 0] } };
  }
  return { ...line(data.valueName, withLonePoints(data.values), accent, { areaStyle: { color: accent, opacity: 0.09 } }), showSymbol: true, showAllSymbol: true };
}

function makeSeries(data) {
  const [accent, target, baseline, previous, few, bad, good, soft, none] =
    tokens("accent", "target", "baseline", "previous", "few", "bad", "good", "ink-soft", "line-strong");
  const colours = { p50: good, p75: soft, p90: few, p95: bad, p99: none };
  return [
    valueSeries(data, accent),
    ...(data.previous.length ? [line("Previous period", data.previous, previous, { lineStyle: { width: 1.5 } })] : []),
    ...(isGiven(data.targets) ? [line("Target", data.targets, target, { step: "middle", lineStyle: { width: 1.5, type: [5, 5] } })] : []),
    ...(isGiven(data.baselines) ? [line("Baseline", data.baselines, baseline, { step: "middle", lineStyle: { width: 1.5, type: [1, 5], cap: "round" } })] : []),
    ...Object.entries(data.percentiles).map(([name, values]) => line(name, values, colours[name], { lineStyle: { width: PERCENTILE_WIDTH } })),
    { name: data.countName, data: data.counts, type: "bar", xAxisIndex: 1, yAxisIndex: 1, barCategoryGap: "25%", itemStyle: { color: previous, opacity: 0.55 } },
  ];
}

// A point is a number, null, or an item with its own symbol.
function heightOf(point) {
  return Number(point !== null && typeof point === "object" ? point.value : point);
}

// The axis of the lines that are shown. ECharts would divide minutes by tens: 33.33 min.
function valueAxis(data, series, hidden) {
  if (!data.timeSteps.length) return data.axis;
  const shown = series.filter((each) => !each.yAxisIndex && !hidden.has(each.name));
  const highest = Math.max(0, ...shown.flatMap((each) => each.data.map(heightOf))) || 1;
  const interval = data.timeSteps.find((step) => step * STEPS >= highest) ?? highest / STEPS;
  return { interval, max: interval * Math.min(STEPS, Math.ceil(highest / interval)) };
}

function makeOption(data, hidden) {
  const [ink, soft, rule] = tokens("ink", "ink-soft", "line");
  const font = getComputedStyle(document.body).fontFamily;
  const labels = { color: soft, fontSize: 12, fontFamily: font };
  const category = { type: "category", data: data.labels, axisTick: { show: false }, axisLine: { lineStyle: { color: rule } } };
  const series = makeSeries(data);
  return {
    animation: false,
    textStyle: { fontFamily: font },
    aria: { enabled: true, label: { description: data.summary } },
    // The legend is the page's own, in HTML: it wraps on a phone and can be used with a keyboard.
    legend: { show: false },
    grid: [
      { left: 62, right: 8, top: 8, height: "63%" },
      { left: 62, right: 8, bottom: 24, height: "14%" },
    ],
    axisPointer: { link: [{ xAxisIndex: "all" }], lineStyle: { color: soft } },
    tooltip: {
      trigger: "axis", confine: true, backgroundColor: "transparent", borderWidth: 0, padding: 0, extraCssText: "box-shadow: none",
      textStyle: { color: ink }, axisPointer: { type: "line", lineStyle: { color: soft, type: "solid", width: 1 } },
      formatter: (items) => tooltip(data, items[0].dataIndex),
    },
    xAxis: [
      { ...category, axisLabel: { show: false } },
      { ...category, gridIndex: 1, axisLabel: { ...labels, hideOverlap: true } },
    ],
    yAxis: [
      { type: "value", min: 0, ...valueAxis(data, series, hidden), axisLabel: { ...labels, formatter: (value) => axisText(value, data.unit) }, splitLine: { lineStyle: { color: rule } } },
      { type: "value", gridIndex: 1, min: 0, max: data.countTop, interval: data.countTop, axisLabel: { ...labels, hideOverlap: true }, splitLine: { show: false } },
    ],
    series,
  };
}

const SVG = "http://www.w3.org/2000/svg";

function swatch(series) {
  const drawing = document.createElementNS(SVG, "svg");
  const isBar = series.type === "bar";
  const shape = document.createElementNS(SVG, isBar ? "rect" : "line");
  const attributes = isBar
    ? { x: 4, width: 10, height: 8, fill: series.itemStyle.color }
    : { x1: 0, x2: 18, y1: 4, y2: 4, stroke: series.itemStyle.color, "stroke-dasharray": series.lineStyle.type?.join(" ") ?? "none" };
  for (const [name, value] of Object.entries(attributes)) shape.setAttribute(name, value);
  drawing.setAttribute("viewBox", "0 0 18 8");
  drawing.setAttribute("aria-hidden", "true");
  drawing.append(shape);
  return drawing;
}

function legendEntry(series, { isShown, toggle }) {
  const item = document.createElement("li");
  item.dataset.chartEntry = "";
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-pressed", String(isShown()));
  button.append(swatch(series), series.name);
  button.addEventListener("click", () => {
    toggle();
    button.setAttribute("aria-pressed", String(isShown()));
  });
  item.append(button);
  return item;
}

function draw(figure) {
  const source = document.getElementById("chart-data");
  const live = figure.querySelector("[data-chart-live]");
  const drawn = figure.querySelector("[data-chart-static]");
  if (!source || !live || !drawn) return;
  const data = JSON.parse(source.textContent);
  live.hidden = false;
  drawn.hidden = true;
  const canvas = live.querySelector("[data-chart-canvas]");
  const chart = init(canvas);
  const hidden = new Set(Object.keys(data.percentiles));
  function update() {
    const option = makeOption(data, hidden);
    option.legend.selected = Object.fromEntries([...hidden].map((name) => [name, false]));
    chart.setOption(option, { notMerge: true });
    return option.series;
  }
  function entry(series) {
    const { name } = series;
    return legendEntry(series, {
      isShown: () => !hidden.has(name),
      toggle() {
        hidden.has(name) ? hidden.delete(name) : hidden.add(name);
        update();
      },
    });
  }
  function render() {
    live.querySelector("[data-chart-legend]").replaceChildren(...update().map(entry));
  }
  render();
  new ResizeObserver(() => chart.resize()).observe(canvas);
  document.addEventListener("themechange", render);
}

for (const figure of document.querySelectorAll("[data-chart]")) draw(figure);
