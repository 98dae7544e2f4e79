// How long the page is while its details are folded, and what of it is cut once they are open.
const all = (what, within = document) => [...within.querySelectorAll(what)];
const shown = (element) => element.getClientRects().length > 0;
const screens = document.documentElement.scrollHeight / innerHeight;
const words = document.body.innerText.split(/\s+/).length;
const answers = all("section:first-of-type .verdicts > div")
  .filter((answer) => answer.getBoundingClientRect().bottom <= innerHeight).length;

all("details").forEach((details) => (details.open = true));
const cut = [];
if (document.documentElement.scrollWidth > innerWidth) cut.push("the page");
for (const box of all(".table, pre, h1, h2, summary, figcaption, .numbers li, .verdicts > div")) {
  if (shown(box) && box.scrollWidth > box.clientWidth + 1) cut.push(box.innerText.slice(0, 60));
}
for (const text of all("svg text").filter(shown)) {
  const [own, picture] = [text, text.ownerSVGElement].map((it) => it.getBoundingClientRect());
  const outside = own.left < picture.left - 1 || own.right > picture.right + 1;
  if (outside || text.textContent.includes("…")) cut.push(`${text.textContent} in ${text.closest("figure")?.id}`);
}
return { screens, words, answers, cut, tables: all(".table").length, figures: all("figure").length };
