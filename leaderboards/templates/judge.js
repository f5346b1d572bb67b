
"use strict";
const batch = document.body.dataset.batch;
const sets = [...document.querySelectorAll("fieldset")];
const judge = document.getElementById("judge");
const store = `robench-judge-${batch}`;
let current = 0;

const chosen = set => set.querySelector("input:checked")?.value ?? "";
const answers = () => sets.map(set => [set.dataset.number, chosen(set)]);

function show() {
  const count = answers().filter(([, label]) => label).length;
  document.getElementById("progress").textContent = `${count} of ${sets.length} answered`;
}

function keep() {
  try {
    localStorage.setItem(store, JSON.stringify({ judge: judge.value, answers: answers() }));
  } catch { /* a browser may forbid it; the answers then live as long as the page */ }
  show();
}

function recall() {
  let kept = null;
  try {
    kept = JSON.parse(localStorage.getItem(store));
  } catch { /* as above */ }
  if (!kept) return;
  judge.value = kept.judge ?? "";
  for (const [number, label] of kept.answers ?? []) {
    const set = document.getElementById(`text${number}`);
    for (const input of set?.querySelectorAll("input") ?? []) input.checked = label !== "" && input.value === label;
  }
}

function goTo(place, { scroll = true } = {}) {
  current = Math.max(0, Math.min(sets.length - 1, place));
  sets.forEach((set, at) => set.classList.toggle("current", at === current));
  if (scroll) sets[current].scrollIntoView({ block: "center" });
}

function choose(index) {
  const inputs = [...sets[current].querySelectorAll("input")];
  const input = index === 0 ? inputs.at(-1) : inputs.slice(0, -1)[index - 1];
  if (!input) return;
  input.checked = true;
  keep();
  goTo(current + 1);
}

function takeBack() {
  for (const input of sets[current].querySelectorAll("input")) input.checked = false;
  keep();
}

function save(name, type, content) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

const fileName = ending => {
  const name = judge.value.trim().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "");
  return `answers-${batch}${name ? `-${name}` : ""}.${ending}`;
};
const cell = text => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

document.getElementById("csv").addEventListener("click", () => {
  const lines = answers().map(([number, label]) => `${batch},${number},${cell(label)}\n`);
  save(fileName("csv"), "text/csv", ["batch,number,label\n", ...lines].join(""));
});
document.getElementById("json").addEventListener("click", () => {
  const given = Object.fromEntries(answers().filter(([, label]) => label));
  save(fileName("json"), "application/json", JSON.stringify({ batch, judge: judge.value, answers: given }, null, 1));
});
document.addEventListener("change", event => {
  const set = event.target.closest("fieldset");
  if (set) goTo(sets.indexOf(set), { scroll: false });
  keep();
});
document.addEventListener("focusin", event => {
  const set = event.target.closest("fieldset");
  if (set) goTo(sets.indexOf(set), { scroll: false });
});
document.addEventListener("keydown", event => {
  const target = event.target;
  if (event.ctrlKey || event.metaKey || event.altKey || target === judge || target.tagName === "BUTTON") return;
  const isRadio = target.type === "radio"; // arrows change the answer there, as in every page
  if (/^[0-9]$/.test(event.key)) choose(Number(event.key));
  else if (event.key === "j" || (event.key === "ArrowDown" && !isRadio)) goTo(current + 1);
  else if (event.key === "k" || (event.key === "ArrowUp" && !isRadio)) goTo(current - 1);
  else if (event.key === "Backspace") takeBack();
  else return;
  event.preventDefault();
  if (isRadio) target.blur();
});
recall();
show();
goTo(Math.max(0, sets.findIndex(set => !chosen(set))), { scroll: false });
