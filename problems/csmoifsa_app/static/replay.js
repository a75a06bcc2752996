"use strict";
// A rolled day step by step: prices known and expected, the plan as it changes, set points, and energy in the cars.
(function () {
  Run.begin("roll", () => {});
  const { D, T, $, config, plain, fill, fillTable, number, stepped } = Page;
  if (!D.days.length) return;
  const state = Object.assign(Run.state, { day: null, step: 0, timer: null });
  const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#56b4e9", "#d55e00", "#8c8c8c", "#cc79a7", "#f0e442"];
  const DASHES = ["solid", "dash", "dot", "dashdot"];
  const clock = (hour) => `${String(Math.floor(hour + 1e-9) % 24).padStart(2, "0")}:${String(Math.round((hour % 1) * 60) % 60).padStart(2, "0")}`;
  const n = () => state.day.hours.length;
  const width = () => 24 / n();
  const label = (k) => `${clock(state.day.hours[k])}–${clock((state.day.hours[k] + width()) % 24)}`;

  // values from step `from` up to, not including, step `to`, as stairs over the edges of the steps
  function stairs(name, values, from, to, style) {
    const x = [...Array(Math.max(to - from, 0) + 1).keys()].map((k) => (from + k) * width());
    const y = to > from ? stepped(values.slice(from, to)) : [];
    return { type: "scatter", mode: "lines", name, x: y.length ? x : [], y, line: { shape: "hv", width: 2.2, ...style }, hovertemplate: `%{y:,.4~g}<extra>${plain(name)}</extra>` };
  }

  function draw(id, traces, title, k) {
    const every = n() > 24 ? n() / 8 : 3;
    const ticks = [...Array(n()).keys()].filter((one) => one % every === 0);
    Plotly.react(id, traces, Page.themed({
      margin: { l: 62, r: 10, t: 8, b: 42 }, hovermode: "x unified", showlegend: true, legend: { orientation: "h", y: 1, yanchor: "bottom", font: { size: 11 } },
      xaxis: Page.axis({ title: { text: T.hour_axis }, range: [0, 24], tickvals: ticks.map((one) => one * width()), ticktext: ticks.map((one) => clock(state.day.hours[one])) }),
      yaxis: Page.axis({ title: { text: plain(title) } }),
      shapes: [{ type: "rect", xref: "x", yref: "paper", x0: k * width(), x1: (k + 1) * width(), y0: 0, y1: 1, line: { width: 0 }, fillcolor: "rgba(230, 159, 0, 0.22)", layer: "below" }],
    }), { ...config, displayModeBar: false });
  }

  function show() {
    const day = state.day, k = state.step, known = day.known_steps[k], unit = `${D.money}/kWh`;
    const ink = Page.colour("--ink", "#000000");
    $("step").value = String(k);
    $("hour").textContent = label(k);
    $("step").setAttribute("aria-valuetext", label(k));
    const prices = [
      stairs(T.day_ahead, day.day_ahead, 0, n(), { color: "#8c8c8c", dash: "dash", width: 1.6 }),
      stairs(T.real_time, day.real_time, 0, known, { color: ink }),
      stairs(T.expected, Array(k).fill(0).concat(day.expected[k]), Math.max(k, known), n(), { color: "#0072b2", dash: "dot" }),
    ];
    if ($("hindsight").checked) prices.push(stairs(T.real_later, day.real_time, known, n(), { color: "#d55e00", width: 1.2 }));
    draw("prices", prices, unit, k);
    const rest = Array(k).fill(0).concat(day.net_kw[k]);
    const loads = [
      stairs(T.planned, day.planned_kw, 0, n(), { color: "#8c8c8c", dash: "dash", width: 1.6 }),
      stairs(T.carried_out, day.rolling_kw, 0, k + 1, { color: ink }),
      stairs(T.rest, rest, k + 1, n(), { color: "#0072b2", dash: "dot" }),
    ];
    if ($("hindsight").checked) loads.push(stairs(T.perfect, day.perfect_kw, 0, n(), { color: "#d55e00", width: 1.2 }));
    draw("load", loads, "kW", k);
    draw("energy", Object.entries(day.classes).map(([name, one], i) => ({
      type: "scatter", mode: "lines+markers", name: plain(name), x: one.soe_kwh.slice(0, k + 1).map((_, t) => (t + 1) * width()), y: one.soe_kwh.slice(0, k + 1),
      line: { color: COLOURS[i % 8], dash: DASHES[i % 4], width: 2 }, marker: { size: 4 }, hovertemplate: `%{y:.1f} kWh<extra>${plain(name)}</extra>`,
    })), "kWh", k);
    fillTable($("points"), [T.class, T.charge_kw, T.discharge_kw, T.soe_kwh], Object.entries(day.classes).map(([name, one]) =>
      [name, ...(one.charge_kw[k] === null ? [T.away, "", ""] : [number(one.charge_kw[k], 0), number(one.discharge_kw[k], 0), number(one.soe_kwh[k], 1)])]), 1);
    $("decided").textContent = fill(T.decided, {
      hour: label(k), known: String(known), all: String(n()), expected: number(day.expected[k][0], 4), real: number(day.real_time[k], 4), unit,
      now: number(day.rolling_kw[k], 0), planned: number(day.planned_kw[k], 0),
    });
    state.shown = k;
    history.replaceState(null, "", `#${$("day").value},${k}`);
  }

  const to = (k) => {
    state.step = Math.min(Math.max(k, 0), n() - 1);
    show();
  };
  function stop() {
    clearInterval(state.timer);
    state.timer = null;
    $("play").textContent = T.play;
  }
  function play() {
    if (state.timer) return stop();
    if (state.step === n() - 1) to(0);
    $("play").textContent = T.stop;
    state.timer = setInterval(() => (state.step < n() - 1 ? to(state.step + 1) : stop()), Math.max(150, 14400 / n()));
  }
  async function open() {
    stop();
    try {
      state.day = await ask(`/cases/${D.id}/steps?day=${encodeURIComponent($("day").value)}`);
    } catch (error) {
      $("decided").textContent = error.message;
      return;
    }
    $("step").max = String(n() - 1);
    to(Math.min(state.step, n() - 1));
  }
  $("day").addEventListener("change", open);
  $("step").addEventListener("input", () => to(Number($("step").value)));
  $("back").addEventListener("click", () => to(state.step - 1));
  $("next").addEventListener("click", () => to(state.step + 1));
  $("play").addEventListener("click", play);
  $("hindsight").addEventListener("change", show);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => state.day && show());
  const [day, step] = location.hash.slice(1).split(","); // a page that is loaded again shows the same step
  if (D.days.includes(day)) {
    $("day").value = day;
    state.step = Math.max(Number.parseInt(step) || 0, 0);
  }
  open();
})();
