"""The report of a run: one page that opens anywhere, a figure for papers, a comparison of several runs.

Here belongs what turns a run's folder into something to look at outside of a terminal. It reads the run as every
command does and loads neither PyTorch nor ONNX Runtime. The page's own files are ``shell.html``, ``template.html``,
``page.css`` and the scripts beside them.
"""
