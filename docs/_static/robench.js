// What furo leaves to do for people who do not use a mouse, or do not see: names, levels, and code that scrolls by keys.
addEventListener("DOMContentLoaded", () => {
  document.querySelector("aside.sidebar-drawer")?.setAttribute("aria-label", "pages");
  document.querySelector("aside.toc-drawer")?.setAttribute("aria-label", "on this page");
  for (const caption of document.querySelectorAll("[role=heading]:not([aria-level])")) caption.setAttribute("aria-level", "2");
  if (!document.querySelector("h1")) {  // the page of the search before a question
    const heading = Object.assign(document.createElement("h1"), {textContent: document.title.split(" - ")[0]});
    document.querySelector("article")?.prepend(heading);
  }
  for (const part of document.querySelectorAll("pre, .table-wrapper")) part.tabIndex = 0;
});
