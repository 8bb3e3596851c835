"""Where series come from. One process, one file; this is their list.

To add a process: write its file (ramp.py is the shortest to copy) and add it to PROCESSES. Its random numbers come from a
stream of its own, keyed by its name: another process in the list changes no series of those that are there.

A process is a module:

    NAME                   kept in the `params` of its rows, and the beginning of their ids
    PARAMETERS             names of the parameters of a series
    UNIFORM                how many uniform numbers they are drawn from
    draw(u, points, dt)    uniform numbers (S, UNIFORM) -> {parameter: shape (S,)}
    normals(points)        how many standard normal numbers a path of so many points needs
    paths(<parameters>, dt, noise)   parameters of shape (S,), normal numbers (S, normals) -> paths (S, n)
"""

from llm_ts.series import (
    arma,
    bursts,
    counts,
    events,
    growth,
    jump,
    mixture,
    ou,
    ramp,
    season,
    seasons,
    shifts,
    smooth,
    spikes,
    step,
    walk,
    wide,
)

PROCESSES = {
    process.NAME: process
    for process in (
        ou, ramp, step, season, jump, walk, arma, shifts, smooth, growth, spikes, counts, bursts, seasons, wide, mixture, events,
    )
}  # fmt: skip
