"""How a front is shown: what was done in words, rows of a table, figures.

Here belongs what turns candidates into text, rows or pictures. What is optional (pandas, plotly) is imported where it
is used. Tables of the terminal are in ``src/parefront/terminal``.
"""
