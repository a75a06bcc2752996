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
      [...$("form").elements].filter((one) => one.name).forEach((one) => (one.disabled = running));
      const phase = T.case_phases[report.phase] || report.phase;
      $("told").textContent = running ? fill(phase, { days: report.days || 0 }) : report.state === "new" ? "" : T.case_states[report.state];
      $("fault").textContent = D.search.act === act ? report.fault || "" : "";
      if (mine()) show(report);
    }

    function watch(reload) {
      const events = new EventSource(`/studies/${D.id}/events`);
      events.onmessage = (event) => {
        const report = JSON.parse(event.data);
        shown(report);
        if (report.state === "running") reload = true;
        else {
          events.close();
          if (reload && report.state === "done") location.reload();
        }
      };
      events.onerror = () => ($("told").textContent = T.gone);
    }

    async function told(path, values) {
      $("fault").textContent = "";
      try {
        await ask(path, values);
        return true;
      } catch (error) {
        $("fault").textContent = error.message;
        return false;
      }
    }

    $("form").addEventListener("submit", async (event) => {
      event.preventDefault();
      const values = { act, ...Object.fromEntries(new FormData($("form"))) };
      if (!(await told(`/cases/${D.id}/run`, values))) return;
      D.search.act = act;
      watch(true);
    });
    $("cancel").addEventListener("click", async () => (await told(`/studies/${D.id}/cancel`, {})) && location.reload());
    watch(false);
  }
  return { begin, state };
})();
