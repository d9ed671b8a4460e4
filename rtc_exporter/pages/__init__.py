"""
Pages for support: which calls there are and were, one call, one participant; and the same as JSON.

Pure: what was looked up comes in, text goes out.  Pictures and words are those of ``explain``.  Everything is there
without a script; the script only brings a page up to date and copies a text.
"""
