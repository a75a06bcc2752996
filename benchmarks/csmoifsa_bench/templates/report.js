// Draws report.html from the JSON inside it: four filters, one redraw.
"use strict";
const suites = JSON.parse(document.getElementById("data").textContent).suites;
const get = (id) => document.getElementById(id);
const hidden = new Set(); // algorithms switched off by the legend
const config = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["lasso2d", "select2d"] };
let suite;

function fill(select, entries) {
  select.replaceChildren(...entries.map(([value, text]) => new Option(text, value)));
}

function layout(title, more) {
  const axis = { gridcolor: "#e6eaef", zeroline: false, automargin: true };
  return Object.assign({
    title: { text: title, font: { size: 13 }, x: 0.02, y: 0.97 }, margin: { l: 10, r: 12, t: 34, b: 10 },
    showlegend: false, font: { size: 11 }, hovermode: "closest", xaxis: { ...axis }, yaxis: { ...axis },
  }, more);
}

function axis(title, more) {
  return Object.assign({ title: { text: title, font: { size: 11 } }, gridcolor: "#e6eaef", zeroline: false, automargin: true }, more);
}

function panel(parent, traces, look, kind) {
  const div = document.createElement("div");
  div.className = kind || "panel";
  parent.append(div);
  Plotly.newPlot(div, traces, look, config);
}

function clear(id) {
  const parent = get(id);
  parent.querySelectorAll(".js-plotly-plot").forEach((plot) => Plotly.purge(plot));
  parent.replaceChildren();
  return parent;
}

const shown = () => suite.algorithms.filter((a) => !hidden.has(a.label));
const problems = () => (get("problem").value === "" ? suite.problems : [get("problem").value]);

function drawLegend() {
  get("legend").replaceChildren(...suite.algorithms.map((a) => {
    const button = document.createElement("button");
    const dot = document.createElement("i");
    dot.style.background = a.colour;
    button.append(dot, a.label);
    button.className = hidden.has(a.label) ? "off" : "";
    button.title = "show or hide";
    button.onclick = () => { hidden.has(a.label) ? hidden.delete(a.label) : hidden.add(a.label); draw(); };
    return button;
  }));
}

function drawRanks(view, metric) {
  const parent = get("ranks"), r = view.ranking;
  Plotly.purge(parent);
  const colours = Object.fromEntries(suite.algorithms.map((a) => [a.label, a.colour]));
  const bars = r.cliques.map(([a, b], i) => ({
    type: "scatter", mode: "lines", x: [r.ranks[a] - 0.03, r.ranks[b] + 0.03], y: [-0.9 - 0.5 * i, -0.9 - 0.5 * i],
    line: { color: "#d55e00", width: 5 }, hovertemplate: "not told apart<extra></extra>",
  }));
  const dots = {
    type: "scatter", mode: "markers", x: r.ranks, y: r.names.map((_, i) => i), text: r.names,
    marker: { size: 11, color: r.names.map((n) => colours[n]) }, hovertemplate: "%{text}: %{x:.2f}<extra></extra>",
  };
  Plotly.newPlot(parent, [dots, ...bars], layout(`Mean rank by ${metric.title} (orange: not told apart)`, {
    xaxis: axis("mean rank, 1 is best"),
    yaxis: axis("", { tickvals: r.names.map((_, i) => i), ticktext: r.names, autorange: "reversed" }),
  }), config);
  get("ranks-note").textContent = r.note;
}

function drawProfile(view, metric) {
  const parent = get("profile");
  Plotly.purge(parent);
  const traces = shown().map((a) => ({
    type: "scatter", mode: "lines", name: a.label, x: view.profile.ratios, y: view.profile.shares[a.label],
    line: { color: a.colour, shape: "hv" }, hovertemplate: `${a.label}: %{y:.0%} within x %{x:.3g}<extra></extra>`,
  }));
  Plotly.newPlot(parent, traces, layout("Performance profile", {
    xaxis: axis(`${metric.title}: factor to the best median`, { type: "log" }),
    yaxis: axis("share of problems", { range: [-0.03, 1.05], tickformat: ".0%" }),
  }), config);
}

function drawBoxes(view, metric) {
  const parent = clear("boxes");
  for (const p of problems()) {
    const all = Object.values(view.values[p]).flat().filter((v) => v !== null);
    const log = !metric.more && all.length > 0 && all.every((v) => v > 0);
    const traces = shown().filter((a) => view.values[p][a.label]).map((a) => ({
      type: "box", name: a.label, x: view.values[p][a.label], boxpoints: "all", jitter: 0.5, pointpos: 0, orientation: "h",
      marker: { color: a.colour, size: 3 }, line: { width: 1 },
    }));
    panel(parent, traces, layout(p, {
      xaxis: axis(metric.title, { type: log ? "log" : "linear" }), yaxis: axis("", { autorange: "reversed", tickfont: { size: 9 } }),
    }));
  }
}

function drawCurves(metric) {
  const parent = clear("curves");
  for (const p of problems()) {
    const traces = [];
    for (const a of shown()) {
      const c = suite.curves[metric.key][p][a.label];
      if (!c) continue;
      traces.push({
        type: "scatter", mode: "lines", x: [...c.x, ...[...c.x].reverse()], y: [...c.high, ...[...c.low].reverse()],
        fill: "toself", fillcolor: a.colour + "26", line: { width: 0 }, hoverinfo: "skip",
      }, {
        type: "scatter", mode: "lines+markers", name: a.label, x: c.x, y: c.middle, line: { color: a.colour, width: 1.8 },
        marker: { size: 4 }, hovertemplate: `${a.label}: %{y:.4g} at %{x:,}<extra></extra>`,
      });
    }
    const log = !metric.more && metric.key !== "error_ratio";
    panel(parent, traces, layout(p, { xaxis: axis(suite.count), yaxis: axis(metric.title, { type: log ? "log" : "linear", exponentformat: "power" }) }));
  }
}

function cloud(points, name, colour, size) {
  const three = points.length > 0 && points[0].length > 2;
  const marker = { color: colour, size: three ? size * 0.6 : size };
  const base = { mode: "markers", name, marker, x: points.map((q) => q[0]), y: points.map((q) => q[1]) };
  if (three) return { ...base, type: "scatter3d", z: points.map((q) => q[2]), hovertemplate: `${name}<extra></extra>` };
  return { ...base, type: "scatter", hovertemplate: `${name}: %{x:.4g}, %{y:.4g}<extra></extra>` };
}

function drawFronts(budget) {
  const parent = clear("fronts");
  for (const p of problems()) {
    const traces = [cloud(suite.references[p], "true front", "#b5b5b5", 2.5)];
    for (const a of shown()) {
      const points = suite.fronts[budget][p][a.label];
      if (points && points.length) traces.push(cloud(points, a.label, a.colour, 5));
    }
    panel(parent, traces, layout(p, { xaxis: axis("f1"), yaxis: axis("f2"), scene: { xaxis: { title: { text: "f1" } }, yaxis: { title: { text: "f2" } }, zaxis: { title: { text: "f3" } } } }));
  }
}

function drawSurfaces(budget) {
  const parent = clear("surfaces"), surfaces = suite.surfaces[budget];
  const drawn = problems().filter((p) => surfaces[p]);
  get("surfaces-section").hidden = drawn.length === 0;
  for (const p of drawn) {
    const traces = [cloud(suite.references[p], "true front", "#b5b5b5", 2.5)];
    for (const a of shown()) {
      const points = surfaces[p][a.label];
      if (!points) continue;
      traces.push({
        type: "scatter", mode: "lines", name: a.label, x: points.map((q) => q[0]), y: points.map((q) => q[1]),
        line: { color: a.colour, shape: "hv", width: 1.6 }, hovertemplate: `${a.label}: %{x:.4g}, %{y:.4g}<extra></extra>`,
      });
    }
    panel(parent, traces, layout(p, { xaxis: axis("f1"), yaxis: axis("f2") }));
  }
}

function draw() {
  const metric = suite.metrics.find((m) => m.key === get("metric").value), budget = get("budget").value;
  const view = suite.views[`${metric.key}|${budget}`];
  get("verdict").textContent = suite.verdicts[budget];
  get("summary").innerHTML = view.summary; // escaped where it was made
  get("tests").innerHTML = view.tests;
  get("tests").hidden = view.tests === "";
  drawLegend();
  drawRanks(view, metric);
  drawProfile(view, metric);
  drawBoxes(view, metric);
  drawCurves(metric);
  drawFronts(budget);
  drawSurfaces(budget);
  document.body.dataset.shown = [suite.name, metric.key, budget, get("problem").value].join("|");
}

function choose() {
  suite = suites[Number(get("suite").value)];
  hidden.clear();
  get("title").textContent = suite.title;
  get("description").textContent = suite.description;
  fill(get("metric"), suite.metrics.map((m) => [m.key, m.title]));
  fill(get("budget"), suite.budgets.map((b) => [String(b), `${b.toLocaleString("en")} ${suite.count}`]));
  fill(get("problem"), [["", "all"], ...suite.problems.map((p) => [p, p])]);
  get("more").innerHTML = suite.more_tables.map((t) => `<section>${t}</section>`).join("");
  get("provenance").innerHTML = suite.provenance.map((line) => `<p>${line}</p>`).join("");
  draw();
}

fill(get("suite"), suites.map((s, i) => [String(i), s.name]));
get("suite").onchange = choose;
for (const id of ["metric", "budget", "problem"]) get(id).onchange = draw;

// report.html#suite=zdt&metric=igd&budget=5000 opens with these chosen
const asked = new URLSearchParams(location.hash.slice(1));
const wanted = suites.findIndex((s) => s.name === asked.get("suite"));
get("suite").value = String(Math.max(wanted, 0));
choose();
let changed = false;
for (const id of ["metric", "budget", "problem"]) {
  const value = asked.get(id);
  if (value !== null && [...get(id).options].some((o) => o.value === value)) { get(id).value = value; changed = true; }
}
if (changed) draw();
