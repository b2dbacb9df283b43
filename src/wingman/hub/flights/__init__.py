"""Flights: runs of the lab, watched from the Hub and started from it.

A flight reports itself as typed events, posted by whoever flies it; the Hub keeps them, folds them into the state that
pages show, and hands them on live. A flight asked for here runs as a `wingman fly` child process of the Hub.

model.py    what a flight is, and how events change it      service.py     record, find, list, files
events.py   the wire form of an event, checked and bounded  comparing.py   two flights side by side
orders.py   what may be asked of a flight started here      process.py     the child process
worker.py   which flights run, and what becomes of them     live.py        waking those who watch
"""
