// A page that is served while its search runs: asks for what is new, keeps what was chosen, says when there is no more.

const SECONDS = 1;

function beginLive() {
  if (!report.live) return;
  const told = document.getElementById("live");
  let version = report.live, missed = 0;
  told.hidden = false;
  const say = (text) => { if (told.textContent !== text) told.textContent = text; };
  const ask = async () => {
    try {
      const answer = await fetch(`data?version=${version}`);
      if (answer.status === 200) {
        const news = await answer.json();
        version = news.version;
        retake({ ...news.report, live: version });
      } else if (answer.status !== 204) {
        missed += 1;
      }
      if (answer.ok) missed = 0;
    } catch {  // the search has ended, or the machine sleeps
      missed += 1;
    }
    say(missed > 2 ? "No longer updated: the search, or what served this page, has ended." : "Live: updated while the search runs.");
    if (missed < 30) setTimeout(ask, 1000 * SECONDS * (missed > 2 ? 4 : 1));
  };
  ask();
}
