"use strict";
// A run of the aggregator: its settings, its buttons, and its reports as they come.
const Run = (function () {
  const { D, T, $, fill } = Page;
  const state = { report: null };
  window.app = { ready: true, state };

  // show: what the page does with a report while it runs; D.search.act tells which page's run it is
  function begin(act, show) {
    const mine = () => !state.report || state.report.state !== "running" || D.search.act === act;

    function shown(report) {
      state.report = report;
      const running = report.state === "running";
      $("start").hidden = running;
      $("cancel").hidden = !running;
      if ($("stop")) $("stop").hidden = !running || report.phase !== "proof" || D.search.act !== act;
      if ($("stop") && !running) $("stop").disabled = false;
      [...$("form").elements].filter((one) => one.name).forEach((one) => (one.disabled = running));
      const phase = T.case_phases[report.phase] || report.phase;
      $("told").textContent = running ? fill(phase, { days: report.days || 0 }) : report.state === "new" ? "" : T.case_states[report.state];
      $("fault").textContent = D.search.act === act ? report.fault || "" : "";
      if (mine()) show(report);
    }

    $("form").addEventListener("submit", async (event) => {
      event.preventDefault();
      const values = { act, ...Object.fromEntries(new FormData($("form"))) };
      if (!(await send(`/cases/${D.id}/run`, values))) return;
      D.search.act = act;
      follow(shown, true);
    });
    $("cancel").addEventListener("click", async () => (await send(`/studies/${D.id}/cancel`, {})) && location.reload());
    $("stop")?.addEventListener("click", async () => ($("stop").disabled = await send(`/studies/${D.id}/pause`, {})));
    follow(shown, false);
  }
  return { begin, state };
})();
