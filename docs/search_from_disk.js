// The search where pages are opened from a disk: browsers start no worker there, so that a hidden frame does its work.
if (location.protocol === "file:") {
  class FrameWorker extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.append(this.frame);
      this.scope = this.frame.contentWindow;
      this.scope.parent.IFrameWorker = FrameWorker;
      this.scope.postMessage = (data) => this.answer(data);
      this.scope.importScripts = (...urls) => urls.reduce((before, next) => before.then(() => this.load(next)), Promise.resolve());
      this.ready = this.load(url);
    }

    postMessage(data) {
      const sent = structuredClone(data);
      this.ready.then(() => this.scope.dispatchEvent(new MessageEvent("message", { data: sent })));
    }

    answer(data) {
      const message = new MessageEvent("message", { data: structuredClone(data) });
      this.dispatchEvent(message);
      this.onmessage?.(message);
    }

    terminate() {
      this.frame.remove();
    }

    load(url) {
      const script = this.frame.contentDocument.createElement("script");
      script.src = url;
      return new Promise((loaded, failed) => {
        script.onload = loaded;
        script.onerror = failed;
        this.frame.contentDocument.head.append(script);
      });
    }
  }
  window.IFrameWorker = FrameWorker;
  window.Worker = FrameWorker;
}
