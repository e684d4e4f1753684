// Arrow keys in a week of free times: up and down in a day, left and right between days, Home and End.
"use strict";

document.querySelectorAll("[data-week]").forEach((week) => {
  const columns = () => {
    const days = [...week.querySelectorAll(".week-day")].filter((day) => day.offsetParent !== null);
    return (days.length ? days : [week]).map((day) => [...day.querySelectorAll(".time, .more")]).filter((day) => day.length);
  };
  week.addEventListener("keydown", (event) => {
    const days = columns();
    const column = days.findIndex((day) => day.includes(document.activeElement));
    if (column < 0 || event.altKey || event.ctrlKey || event.metaKey) { return; }
    const row = days[column].indexOf(document.activeElement);
    const beside = (step) => {
      const day = days[column + step];
      return day && day[Math.min(row, day.length - 1)];
    };
    const target = {
      ArrowUp: () => days[column][row - 1],
      ArrowDown: () => days[column][row + 1],
      ArrowLeft: () => (days.length > 1 ? beside(-1) : days[column][row - 1]),
      ArrowRight: () => (days.length > 1 ? beside(1) : days[column][row + 1]),
      Home: () => days[column][0],
      End: () => days[column][days[column].length - 1],
    }[event.key];
    if (!target) { return; }
    event.preventDefault();
    const next = target();
    if (next) { next.focus(); }
  });
});
