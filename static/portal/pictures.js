// Writes a chart as the page shows it into an SVG or a PNG: its texts, its drawings, and around them a title, the
// environment and range, and where it comes from. A canvas is drawn anew by the script that drew it (drawpicture).
(function () {
  const SVG = "http://www.w3.org/2000/svg";
  const PADDING = 24;
  const TITLE_HEIGHT = 64;
  const SOURCE_HEIGHT = 40;
  const SOURCE_LINE = 16;
  // Of a letter of 12 pixels, on average a little less.
  const LETTER_WIDTH = 7;
  const PNG_SCALE = 2;
  // Drawings of canvases, put in as texts at the end: parsed within the page, their style attributes would be refused.
  const drawn = new Map();
  // What a style sheet says of shapes, as attributes: a picture has no style sheet, and no style attribute is allowed.
  const LOOKS = [
    "fill", "fill-opacity", "opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-linecap",
    "stroke-linejoin", "vector-effect", "font-size", "font-weight", "font-family", "text-anchor",
  ];

  function element(name, attributes, ...content) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...content);
    return made;
  }

  function isSeen(node, style) {
    return style.display !== "none" && style.visibility !== "hidden" && !node.matches(".hidden-text");
  }

  function isTransparent(colour) {
    return colour === "transparent" || /,\s*0\)$/.test(colour);
  }

  function placed(box, origin) {
    return { x: box.left - origin.left, y: box.top - origin.top, width: box.width, height: box.height };
  }

  // A drawing of the page as a drawing within the picture, with the colours that it has now.
  function drawing(node, origin) {
    const clone = node.cloneNode(true);
    const copies = [clone, ...clone.querySelectorAll("*")];
    [node, ...node.querySelectorAll("*")].forEach((original, index) => {
      const style = getComputedStyle(original);
      for (const name of LOOKS) {
        const value = style.getPropertyValue(name);
        if (value) copies[index].setAttribute(name, value);
      }
      copies[index].removeAttribute("class");
    });
    const { x, y, width, height } = placed(node.getBoundingClientRect(), origin);
    for (const [key, value] of Object.entries({ x, y, width, height, overflow: "visible" })) clone.setAttribute(key, value);
    return [clone];
  }

  // A text as it is broken into lines: a word belongs to the line on which it stands.
  function lines(node, origin) {
    const range = document.createRange();
    const found = [];
    for (const word of node.data.matchAll(/[^ \t\r\n]+/g)) {
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      const [box] = range.getClientRects();
      if (!box) continue;
      const line = found.at(-1);
      if (line && Math.abs(line.box.top - box.top) < 2) line.words.push(word[0]);
      else found.push({ box, words: [word[0]] });
    }
    const style = getComputedStyle(node.parentElement);
    return found.map(({ box, words }) => {
      const { x, y, height } = placed(box, origin);
      return element("text", {
        x, y: y + height / 2, "dominant-baseline": "central", fill: style.color, "font-size": style.fontSize,
        "font-weight": style.fontWeight, "font-family": style.fontFamily,
      }, words.join(" "));
    });
  }

  function canvasDrawing(node, origin) {
    const { x, y, width, height } = placed(node.getBoundingClientRect(), origin);
    const request = { width, height, svg: "" };
    node.dispatchEvent(new CustomEvent("drawpicture", { detail: request }));
    if (!request.svg) return [];
    drawn.set(slotName(drawn.size), request.svg);
    return [element("g", { transform: `translate(${x} ${y})` }, slotName(drawn.size - 1))];
  }

  function slotName(number) {
    return `%DRAWING-${number}%`;
  }

  function serialized(svg) {
    const text = new XMLSerializer().serializeToString(svg);
    return [...drawn].reduce((whole, [slot, part]) => whole.replace(slot, () => part), text);
  }

  function parts(node, origin) {
    if (node.nodeType === Node.TEXT_NODE) return lines(node, origin);
    if (node.nodeType !== Node.ELEMENT_NODE) return [];
    const style = getComputedStyle(node);
    if (!isSeen(node, style)) return [];
    if (node.matches("[data-chart-canvas]")) return canvasDrawing(node, origin);
    if (node instanceof SVGElement) return drawing(node, origin);
    const found = [...node.childNodes].flatMap((child) => parts(child, origin));
    if (isTransparent(style.backgroundColor)) return found;
    const box = placed(node.getBoundingClientRect(), origin);
    return [element("rect", { ...box, rx: parseFloat(style.borderRadius) || 0, fill: style.backgroundColor }), ...found];
  }

  function colour(name) {
    const probe = document.createElement("span");
    document.body.append(probe);
    probe.style.color = `var(--${name})`;
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  }

  // The title and the words below it stand on the area, or on what it lies in.
  function namesOf(area) {
    return area.closest("[data-picture-title]").dataset;
  }

  // The address leads back to this state, also when the range of the page has moved on.
  function sourceLines(lettersInLine) {
    const state = document.getElementById("content").dataset.state || location.search;
    const source = `Workbench analytics · ${location.host}${location.pathname}${state}`;
    return source.match(new RegExp(`.{1,${Math.max(20, lettersInLine)}}`, "gu"));
  }

  function picture(area) {
    const origin = area.getBoundingClientRect();
    const width = Math.ceil(origin.width + 2 * PADDING);
    const source = sourceLines(Math.floor(origin.width / LETTER_WIDTH));
    const below = SOURCE_HEIGHT + (source.length - 1) * SOURCE_LINE;
    const height = Math.ceil(area.scrollHeight + 2 * PADDING + TITLE_HEIGHT + below);
    const [ink, soft, ground] = ["ink", "ink-soft", "surface"].map(colour);
    const font = getComputedStyle(document.body).fontFamily;
    const text = (content, y, look) => element("text", { x: PADDING, y, "font-family": font, ...look }, content);
    const { pictureTitle: title, pictureWords: words } = namesOf(area);
    return element(
      "svg", { xmlns: SVG, width, height, viewBox: `0 0 ${width} ${height}` },
      element("title", {}, `${title}, ${words}`),
      element("rect", { width, height, fill: ground }),
      text(title, PADDING + 18, { fill: ink, "font-size": "20px", "font-weight": "650" }),
      text(words, PADDING + 42, { fill: soft, "font-size": "13px" }),
      element("g", { transform: `translate(${PADDING} ${PADDING + TITLE_HEIGHT})` }, ...parts(area, origin)),
      ...source.map((line, index) => {
        const y = height - PADDING + 4 - (source.length - 1 - index) * SOURCE_LINE;
        return text(line, y, { fill: soft, "font-size": "12px" });
      }),
    );
  }

  // The environment, what is shown, and its first and last day.
  function fileName(area, ending) {
    const { pictureTitle, pictureSubject = "" } = namesOf(area);
    const { environment, dates } = document.getElementById("content").dataset;
    const wordsOf = (text) => text.toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? [];
    const shown = wordsOf(`${environment} ${pictureTitle} ${pictureSubject}`).join("-").slice(0, 120);
    return `${[shown, ...wordsOf(dates)].join("-")}.${ending}`;
  }

  function save(blob, name) {
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }

  function toPng(svg, width, height) {
    return new Promise((resolve, reject) => {
      const image = new Image();
      image.onload = () => {
        const canvas = Object.assign(document.createElement("canvas"), { width: width * PNG_SCALE, height: height * PNG_SCALE });
        canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
        canvas.toBlob(resolve, "image/png");
      };
      image.onerror = reject;
      image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
    });
  }

  async function download(area, format) {
    drawn.clear();
    area.dataset.picturing = "";
    const whole = picture(area);
    delete area.dataset.picturing;
    const svg = serialized(whole);
    const isPng = format === "png";
    const size = [Number(whole.getAttribute("width")), Number(whole.getAttribute("height"))];
    const blob = isPng ? await toPng(svg, ...size) : new Blob([svg], { type: "image/svg+xml" });
    save(blob, fileName(area, format));
  }

  document.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-picture-as]");
    const area = button && document.getElementById(button.dataset.pictureOf);
    if (area) download(area, button.dataset.pictureAs);
  });
})();
