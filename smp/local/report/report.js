"use strict";
(() => {
  const steps = [...document.querySelectorAll("details.step")];
  const find = document.getElementById("find");
  const found = document.getElementById("found");

  const count = () => {
    const shown = steps.filter((step) => !step.hidden).length;
    found.textContent = find.value.trim() ? `${shown} of ${steps.length}` : "";
  };
  const openTarget = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (target instanceof HTMLDetailsElement) {
      target.hidden = false;
      count();
      target.open = true;
      target.scrollIntoView();
      target.querySelector("summary").focus({ preventScroll: true });
    }
  };
  const openAll = (open) => () => {
    for (const step of steps) if (!step.hidden) step.open = open;
  };

  document.getElementById("tools").hidden = false;
  document.getElementById("open-all").addEventListener("click", openAll(true));
  document.getElementById("close-all").addEventListener("click", openAll(false));
  find.addEventListener("input", () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const step of steps) {
      const text = step.querySelector("summary").textContent.toLowerCase();
      step.hidden = !words.every((word) => text.includes(word));
    }
    count();
  });
  addEventListener("hashchange", openTarget);
  for (const anchor of document.querySelectorAll('a[href^="#step-"]')) {
    anchor.addEventListener("click", () => setTimeout(openTarget));
  }
  addEventListener("beforeprint", () => {
    for (const step of steps) if (step.classList.contains("state-failed")) step.open = true;
  });
  openTarget();
})();
