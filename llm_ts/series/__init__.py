"""Where series come from. One process, one file; this is their list.

To add a process: write its file (copy ramp.py), import it here and add it to PROCESSES. Its random numbers come from a stream
of its own, keyed by its name: a new process changes no series of the others.

A process is a module:

    NAME                   kept in the `params` of its rows, and the beginning of their ids
    PARAMETERS             names of the parameters of a series
    UNIFORM                number of uniform numbers for these parameters
    draw(u, points, dt)    uniform numbers (S, UNIFORM) -> {parameter: shape (S,)}
    normals(points)        number of standard normal numbers for a path of so many points
    paths(<parameters>, dt, noise)   parameters of shape (S,), normal numbers (S, normals) -> paths (S, n)
"""

from llm_ts.series import (
    arma,
    bend,
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
        ou, ramp, step, season, jump, walk, arma, shifts, smooth, growth, spikes, counts, bursts, seasons, wide, mixture, events, bend,
    )
}  # fmt: skip
