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

// One plot an entry of `plots` ([traces, layout]); what is there is drawn over, what is too many is taken away once it
// has finished drawing.
function show(id, plots, kind) {
  const parent = get(id);
  plots.forEach(([traces, look], i) => {
    let div = parent.children[i];
    if (!div) {
      div = document.createElement("div");
      div.className = kind || "panel";
      parent.append(div);
    }
    div.drawn = Plotly.react(div, traces, look, config);
  });
  for (const div of [...parent.children].slice(plots.length)) {
    div.remove();
    div.drawn.finally(() => Plotly.purge(div));
  }
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
  const r = view.ranking;
  const colours = Object.fromEntries(suite.algorithms.map((a) => [a.label, a.colour]));
  const bars = r.cliques.map(([a, b], i) => ({
    type: "scatter", mode: "lines", x: [r.ranks[a] - 0.03, r.ranks[b] + 0.03], y: [-0.9 - 0.5 * i, -0.9 - 0.5 * i],
    line: { color: "#d55e00", width: 5 }, hovertemplate: "not told apart<extra></extra>",
  }));
  const dots = {
    type: "scatter", mode: "markers", x: r.ranks, y: r.names.map((_, i) => i), text: r.names,
    marker: { size: 11, color: r.names.map((n) => colours[n]) }, hovertemplate: "%{text}: %{x:.2f}<extra></extra>",
  };
  show("ranks", [[[dots, ...bars], layout(`Mean rank by ${metric.title} (orange: not told apart)`, {
    xaxis: axis("mean rank, 1 is best"),
    yaxis: axis("", { tickvals: r.names.map((_, i) => i), ticktext: r.names, autorange: "reversed" }),
  })]], "wide");
  get("ranks-note").textContent = r.note;
}

function drawProfile(view, metric) {
  const traces = shown().map((a) => ({
    type: "scatter", mode: "lines", name: a.label, x: view.profile.ratios, y: view.profile.shares[a.label],
    line: { color: a.colour, shape: "hv" }, hovertemplate: `${a.label}: %{y:.0%} within x %{x:.3g}<extra></extra>`,
  }));
  show("profile", [[traces, layout("Performance profile", {
    xaxis: axis(`${metric.title}: factor to the best median`, { type: "log" }),
    yaxis: axis("share of problems", { range: [-0.03, 1.05], tickformat: ".0%" }),
  })]], "wide");
}

function drawBoxes(view, metric) {
  show("boxes", problems().map((p) => {
    const all = Object.values(view.values[p]).flat().filter((v) => v !== null);
    const log = !metric.more && all.length > 0 && all.every((v) => v > 0);
    const traces = shown().filter((a) => view.values[p][a.label]).map((a) => ({
      type: "box", name: a.label, x: view.values[p][a.label], boxpoints: "all", jitter: 0.5, pointpos: 0, orientation: "h",
      marker: { color: a.colour, size: 3 }, line: { width: 1 },
    }));
    return [traces, layout(p, {
      xaxis: axis(metric.title, { type: log ? "log" : "linear" }), yaxis: axis("", { autorange: "reversed", tickfont: { size: 9 } }),
    })];
  }));
}

function drawCurves(metric) {
  show("curves", problems().map((p) => {
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
    return [traces, layout(p, { xaxis: axis(suite.count), yaxis: axis(metric.title, { type: log ? "log" : "linear", exponentformat: "power" }) })];
  }));
}

function cloud(points, name, colour, size) {
  const three = points.length > 0 && points[0].length > 2;
  const marker = { color: colour, size: three ? size * 0.6 : size };
  const base = { mode: "markers", name, marker, x: points.map((q) => q[0]), y: points.map((q) => q[1]) };
  if (three) return { ...base, type: "scatter3d", z: points.map((q) => q[2]), hovertemplate: `${name}<extra></extra>` };
  return { ...base, type: "scatter", hovertemplate: `${name}: %{x:.4g}, %{y:.4g}<extra></extra>` };
}

function drawFronts(budget) {
  show("fronts", problems().map((p) => {
    const traces = [cloud(suite.references[p], "true front", "#b5b5b5", 2.5)];
    for (const a of shown()) {
      const points = suite.fronts[budget][p][a.label];
      if (points && points.length) traces.push(cloud(points, a.label, a.colour, 5));
    }
    const scene = { xaxis: { title: { text: "f1" } }, yaxis: { title: { text: "f2" } }, zaxis: { title: { text: "f3" } } };
    return [traces, layout(p, { xaxis: axis("f1"), yaxis: axis("f2"), scene })];
  }));
}

function drawSurfaces(budget) {
  const surfaces = suite.surfaces[budget];
  const drawn = problems().filter((p) => surfaces[p]);
  get("surfaces-section").hidden = drawn.length === 0;
  show("surfaces", drawn.map((p) => {
    const traces = [cloud(suite.references[p], "true front", "#b5b5b5", 2.5)];
    for (const a of shown()) {
      const points = surfaces[p][a.label];
      if (!points) continue;
      traces.push({
        type: "scatter", mode: "lines", name: a.label, x: points.map((q) => q[0]), y: points.map((q) => q[1]),
        line: { color: a.colour, shape: "hv", width: 1.6 }, hovertemplate: `${a.label}: %{x:.4g}, %{y:.4g}<extra></extra>`,
      });
    }
    return [traces, layout(p, { xaxis: axis("f1"), yaxis: axis("f2") })];
  }));
}

function draw() {
  const metric = suite.metrics.find((m) => m.key === get("metric").value), budget = get("budget").value;
  const view = suite.views[`${metric.key}|${budget}`];
  get("verdict").textContent = view.verdict;
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

function choose(asked) {
  suite = suites[Number(get("suite").value)];
  hidden.clear();
  get("title").textContent = suite.title;
  get("description").textContent = suite.description;
  fill(get("metric"), suite.metrics.map((m) => [m.key, m.title]));
  fill(get("budget"), suite.budgets.map((b) => [String(b), `${b.toLocaleString("en")} ${suite.count}`]));
  fill(get("problem"), [["", "all"], ...suite.problems.map((p) => [p, p])]);
  for (const id of ["metric", "budget", "problem"]) {
    const value = asked.get(id);
    if ([...get(id).options].some((option) => option.value === value)) get(id).value = value;
  }
  get("more").innerHTML = suite.more_tables.map((t) => `<section>${t}</section>`).join("");
  get("provenance").innerHTML = suite.provenance.map((line) => `<p>${line}</p>`).join("");
  draw();
}

fill(get("suite"), suites.map((s, i) => [String(i), s.name]));
get("suite").onchange = () => choose(new Map());
for (const id of ["metric", "budget", "problem"]) get(id).onchange = draw;

// report.html#suite=zdt&metric=igd&budget=5000 opens with these chosen
const asked = new URLSearchParams(location.hash.slice(1));
get("suite").value = String(Math.max(suites.findIndex((s) => s.name === asked.get("suite")), 0));
choose(asked);
