"""Words that claim nothing, whatever the topic. A word is unknown if it is neither here nor in a topic's lexicon.

convert.py counts the unknown words of a teacher: add them to the lexicon of a topic, or here.
"""

# as in lexicon.py: grow*: any ending; ris(es): with or without
NEUTRAL = """
    a, an, the, this, that, these, those, its, it, it's, itself, their, they, them, there, here, which, who, what, whose, one,
    ones,
    both, each, every, all, any, some, few, several, many, most, more, less, least, such, same, other, another, own, only,
    just, also, too, even, still, already, again, almost, nearly, quite, rather, very, fairly, pretty, so, really,
    relatively, comparatively, somewhat, slightly, highly, clearly, distinctly, visibly, apparently, evidently, obviously,
    simply, roughly, approximately, about, around, near, nearby, close, closely, exactly, precisely, right, directly,
    immediately, soon, later, now, once, twice, when, where, while, as, or, than, like, if, because, since, due, thus,
    hence, therefore, of, in, on, at, to, from, for, by, with, within, into, onto, over, under, through, throughout, across,
    along, between, among, up, down, out, off, above, below, beyond, toward(s), per, via, is, are, was, were, be, been,
    being, has, have, had, having, do, does, did, can, could, may, might, must, will, would, shall, should, seem(s), seemed,
    seeming, appear*, look(s), looked, remain*, stay*, keep(s), kept, become(s), became, show(s), showed, shown, showing,
    exhibit*, display*, demonstrate*, indicat*, suggest*, reveal*, reflect*, represent*, feature(s), featuring, contain*,
    carry, carries, carried, carrying, include*, including, follow*, present*, see, seen, observ*, note*, notic*, find,
    found, visible, apparent, evident, clear, obvious, discernible, detectable, distinct, mark(s), marking, characteri*,
    describe*, give(s), given, make(s), making, made, take(s), taking, run(s), running, go(es), going, come(s), move*,
    moving, occur*, happen*, lie(s), lying, located, placed, situated, reach*, attain*, hit(s), start*, begin*, began, end*,
    finish*, arriv*, return*, series, time, timeline, data, dataset, curve, line, path, signal, graph, plot, chart, figure,
    sequence, trajectory, trace, record*, sample*, value*, number*, point(s), datum, measurement(s), level(s), reading(s),
    step(s), window, interval, range, span, course, progress*, axis, unit(s), index, indices, scale, process, pattern, wave*,
    shape, form, picture, image, view, behaviour, behavior, development, evolution, dynamic(s), mean, average, baseline,
    centre, center, way, whole, entire, full, total, complete*, overall, general*, broad, main, major, global, absolute,
    kind, type, sort, sense, terms, degree, extent, amount, rate, pace, speed, linear*, straight, monotonic*, consistent*,
    continu*, persistent*, gradual*, slow*, fast, quick*, rapid*, steep*, sharp*, gentl*, abrupt*, sudden*, smooth*, steady,
    steadily, regular*, successive*, consecutive*, first, second, third, last, final, initial, early, late, middle, part,
    section, portion, segment, half, quarter, halves, thirds, intensit*, strength, amplitude, magnitude, underlying,
    contaminat*, superimposed, isolated, noise, noisy, fluctuat*, variation(s), volatil*, variab*, jitter*, scatter,
    random*, trend*, drift*, slope, direction, season*, cycl*, period*, max*, min*, peak*, trough*, extrem*, highest,
    lowest, high, low, higher, lower, large*, small*, great*, big, little, medium, moderate*, strong*, weak*, zero, two,
    three, four, five, six, seven, eight, nine, ten, percent, percentage, new, long*, short*, brief*, tiny, certain,
    particular, specific, pronounced, notabl*, significant*, substantial*, considerabl*, marked*, meaningful*, sustained,
    dramatic*, lived, sign(s), sloping, spike*, oscillat*, swing*, outlier*, experienc*, basically, maintain*, determin*,
    slight*, mild*, modest*, minor, either, irregular, best, additive, residual*, gaussian, measured, sampled, thru, repeatedly,
    alternat*, phase(s), say*, much, doubt, change*, accelerat*, exponential*, culminat*, converg*,
    eventually, ultimately, exceed*, typical*, usual*, compared, tend*, respective*, hold(s), well, hand, side, during"""
