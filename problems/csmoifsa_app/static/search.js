"use strict";
// A search: settings, buttons, its reports as they come, and the front as it grows.
(function () {
  const { D, T, $, config, plain, number, fill } = Page;
  const state = { report: null };
  window.app = { ready: true, state };
  const quantity = (name) => (T.quantities[name] || name).replace("{money}", D.money);

  function drawFront(points) {
    const [depth, upward, across] = D.objectives;
    const star = D.recommended && !state.searching ? [{
      type: "scatter", mode: "markers", name: T.recommended, x: [D.recommended[2]], y: [D.recommended[1]],
      marker: { symbol: "star", size: 17, color: "#d55e00", line: { color: Page.colour("--paper", "#ffffff"), width: 1.5 } },
      hovertemplate: `%{x:,.4~g}; %{y:,.4~g}<extra>${plain(T.recommended)}</extra>`, showlegend: true,
    }] : [];
    Plotly.react("front", [{
      type: "scatter", mode: "markers", showlegend: false, x: points.map((one) => one[2]), y: points.map((one) => one[1]),
      marker: { size: 8, color: points.map((one) => one[0]), colorscale: "Cividis", colorbar: { title: { text: plain(quantity(depth)), side: "right", font: { size: 11 } }, thickness: 12 }, line: { color: Page.colour("--ink", "#000000"), width: 0.5 } },
      hovertemplate: "%{x:,.4~g}; %{y:,.4~g}<extra></extra>",
    }, ...star], Page.themed({
      margin: { l: 75, r: 10, t: 38, b: 50 }, hovermode: "closest", legend: { orientation: "h", x: 0, y: 1, yanchor: "bottom" },
      xaxis: Page.axis({ title: { text: plain(quantity(across)).replace(/[(（]/, "<br>$&"), standoff: 8 }, automargin: true }), yaxis: Page.axis({ title: { text: plain(quantity(upward)) } }),
    }), config);
  }

  function show(report) {
    state.report = report;
    const running = (state.searching = report.state === "running");
    for (const id of ["pause", "cancel"]) $(id).hidden = !running;
    $("cancel").hidden = !running && report.state !== "paused";
    $("start").hidden = running;
    $("start").textContent = report.state === "paused" ? T.resume : T.start;
    [...$("form").elements].filter((one) => one.name).forEach((one) => (one.disabled = running || report.state === "paused"));
    const total = D.search.n_eval, done = report.state === "done" ? total : Math.min(report.n_eval || 0, total);
    $("bar").value = total ? done / total : 0;
    const phase = running ? T.phases[report.phase] || report.phase : T.states[report.state];
    const rate = running && report.phase === "search" && report.rate ? fill(T.rate, { rate: number(report.rate, 0) }) : "";
    $("told").textContent = report.state === "new" ? "" : `${phase} ${number(done, 0)} / ${number(total, 0)} ${rate}`;
    $("fault").textContent = report.fault || "";
    const front = running || !D.front.length ? report.front || [] : D.front;
    $("front").hidden = front.length === 0;
    if (front.length) drawFront(front);
  }

  const act = (name, values) => send(`/studies/${D.id}/${name}`, values || {});

  $("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const values = Object.fromEntries(new FormData($("form")));
    if (!(await act("search", values))) return;
    D.search = { ...D.search, ...values, n_eval: Number(values.n_eval || D.search.n_eval) };
    follow(show, true);
  });
  $("pause").addEventListener("click", () => act("pause"));
  $("cancel").addEventListener("click", async () => (await act("cancel")) && location.reload());
  follow(show, false);
})();
