"""
Pictures of calls: lines over time, bars of classes and issues, as SVG that stands inside a page.

Pure: numbers and words in, text out.  Nothing is fetched and no script is needed.  Horizontal places are shares of the
width, so a picture is as wide as there is room and its letters stay as large as they are; colours are classes that
``style`` gives for light and dark; each picture has a title and a description, and what is a colour is a word too.
"""
