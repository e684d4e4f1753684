/**
 * The picture viewer: zoom, pan, brightness, contrast and heat map, by mouse, touch, keyboard and buttons.
 *
 * Invariant: it changes only how the picture is shown. Every function has a button or a slider; without this file the
 * page shows the plain picture. It sends nothing and stores nothing.
 *
 * Source: WCAG 2.2, 2.1.1 (keyboard), 2.5.1 and 2.5.7 (no gesture without a button), 2.1.4 (keys work only in the
 * picture); Pointer Events Level 3.
 */
"use strict";

const MOST_ZOOM = 16;
const STEP = 1.25;
const MOVE_PX = 60;

class Viewer {
  /** @param {HTMLElement} root The element with data-viewer. */
  constructor(root) {
    const one = (name) => root.querySelector(`[data-${name}]`);
    [this.stage, this.tools, this.heat] = [one("stage"), one("tools"), one("heat")];
    [this.picture, this.seen] = [one("picture"), one("seen")];
    this.root = root;
    this.fingers = new Map();
    this.reset();
    this.tools.hidden = false;
    root.classList.add("viewer-live");
    if (this.heat !== null) {
      this.showHeat(false);
    }
    this.listen();
  }

  listen() {
    this.tools.addEventListener("click", (event) => {
      const button = event.target.closest("[data-do]");
      if (button !== null) {
        this.act(button.dataset.do);
      }
    });
    this.tools.addEventListener("input", (event) => {
      if (event.target.dataset.range !== undefined) {
        this.draw();
      }
    });
    this.stage.addEventListener("keydown", (event) => this.key(event));
    this.stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoomAt(event.deltaY < 0 ? STEP : 1 / STEP, event);
    }, { passive: false });
    this.stage.addEventListener("dblclick", (event) => this.zoomAt(STEP * STEP, event));
    this.stage.addEventListener("pointerdown", (event) => {
      this.stage.setPointerCapture(event.pointerId);
      this.fingers.set(event.pointerId, event);
    });
    this.stage.addEventListener("pointermove", (event) => this.drag(event));
    for (const end of ["pointerup", "pointercancel"]) {
      this.stage.addEventListener(end, (event) => this.fingers.delete(event.pointerId));
    }
    window.addEventListener("resize", () => this.draw());
  }

  /** Do what a button or a key names. */
  act(what) {
    const moves = { left: [MOVE_PX, 0], right: [-MOVE_PX, 0], up: [0, MOVE_PX], down: [0, -MOVE_PX] };
    if (what in moves) {
      this.move(...moves[what]);
    } else if (what === "in" || what === "out") {
      this.zoomAt(what === "in" ? STEP : 1 / STEP);
    } else if (what === "reset") {
      this.reset();
    } else if (what === "heat" && this.heat !== null) {
      this.showHeat(this.heat.hidden);
    }
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const keys = {
      "+": "in", "=": "in", "-": "out", 0: "reset", h: "heat", H: "heat",
      ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down",
    };
    if (event.key in keys) {
      event.preventDefault();
      this.act(keys[event.key]);
    }
  }

  /** Move with one finger or the mouse; zoom with two. */
  drag(event) {
    const before = this.fingers.get(event.pointerId);
    if (before === undefined) {
      return;
    }
    if (this.fingers.size === 1) {
      this.move(event.clientX - before.clientX, event.clientY - before.clientY);
    } else {
      const other = [...this.fingers.values()].find((each) => each.pointerId !== event.pointerId);
      const apart = (finger) => Math.hypot(finger.clientX - other.clientX, finger.clientY - other.clientY);
      const middle = { clientX: (event.clientX + other.clientX) / 2, clientY: (event.clientY + other.clientY) / 2 };
      this.zoomAt(apart(event) / Math.max(apart(before), 1), middle);
    }
    this.fingers.set(event.pointerId, event);
  }

  move(x, y) {
    this.x += x;
    this.y += y;
    this.draw();
  }

  /** Zoom by a factor; the point under the pointer, or the middle, stays where it is. */
  zoomAt(factor, point) {
    const box = this.stage.getBoundingClientRect();
    const [atX, atY] = point === undefined
      ? [0, 0]
      : [point.clientX - box.left - box.width / 2, point.clientY - box.top - box.height / 2];
    const zoom = Math.min(Math.max(this.zoom * factor, 1), MOST_ZOOM);
    const real = zoom / this.zoom;
    this.x = atX - (atX - this.x) * real;
    this.y = atY - (atY - this.y) * real;
    this.zoom = zoom;
    this.draw();
  }

  reset() {
    [this.zoom, this.x, this.y] = [1, 0, 0];
    for (const range of this.tools.querySelectorAll("[data-range]")) {
      range.value = range.defaultValue;
    }
    this.draw();
  }

  showHeat(shown) {
    this.heat.hidden = this.seen.hidden = !shown;
    this.picture.hidden = shown;
    this.tools.querySelector("[data-do=heat]").setAttribute("aria-pressed", String(shown));
  }

  /** Show everything as it is now; the picture cannot leave the stage. */
  draw() {
    const box = this.stage.getBoundingClientRect();
    const [mostX, mostY] = [box.width * (this.zoom - 1) / 2, box.height * (this.zoom - 1) / 2];
    this.x = Math.min(Math.max(this.x, -mostX), mostX);
    this.y = Math.min(Math.max(this.y, -mostY), mostY);
    const value = (name) => Number(this.tools.querySelector(`[data-range=${name}]`)?.value ?? 100);
    const place = `translate(${this.x}px, ${this.y}px) scale(${this.zoom})`;
    for (const picture of [this.picture, this.seen].filter((each) => each !== null)) {
      picture.style.transform = place;
      picture.style.filter = `brightness(${value("brightness")}%) contrast(${value("contrast")}%)`;
    }
    if (this.heat !== null) {
      this.heat.style.transform = place;
      this.heat.style.opacity = String(value("heat") / 100);
    }
    this.say("zoom", Math.round(this.zoom * 100));
    for (const range of this.tools.querySelectorAll("[data-range]")) {
      this.say(range.dataset.range, Number(range.value));
    }
  }

  say(name, percent) {
    const place = this.tools.querySelector(`[data-out=${name}]`);
    const text = `${percent} %`;
    if (place !== null && place.textContent !== text) {
      place.textContent = text;
    }
  }
}

const root = document.querySelector("[data-viewer]");
if (root !== null) {
  new Viewer(root);
}
