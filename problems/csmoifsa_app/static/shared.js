"use strict";
// Requests of the pages' scripts: JSON there and back; a fault is an Error with its sentence.
async function ask(path, values) {
  const options = values === undefined ? {} : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(values) };
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { accept: "application/json", ...options.headers } });
  } catch {
    throw new Error(Page.T.gone);
  }
  const text = await answer.text();
  let found;
  try {
    found = JSON.parse(text);
  } catch {
    throw new Error(text.slice(0, 300));
  }
  if (!answer.ok) throw Object.assign(new Error(found.fault), { status: answer.status });
  return found;
}
