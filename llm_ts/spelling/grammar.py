"""The words and forms of grammar.toml, as regular expressions."""

import os
import re
import tomllib

with open(os.path.join(os.path.dirname(__file__), "grammar.toml"), "rb") as file:
    WORDS = tomllib.load(file)


def form(section, name):
    """The pattern of a form, with the forms that it is made of put in."""
    text = WORDS[section][name].replace("\n", "")
    return re.sub(r"%(\w+)%", lambda found: form("names" if section == "names" else "forms", found[1]), text)


def pattern(section, name):
    return re.compile(form(section, name))


def word(name):
    """The pattern of a word within the name of a column."""
    return re.compile(rf"(?i)(^|[^a-z])({form('names', name)})([^a-z]|$)")
