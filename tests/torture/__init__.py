"""Hostile inputs: robench answers each of them with a sentence, or takes it; it never fails, hangs or runs its code.

``python -m torture`` (``make torture``) generates some hundreds of inputs of the kinds in :mod:`torture.kinds`, gives
each to robench in a process of its own, and judges what happened. A seed decides everything, so that each input can be
tried again alone. Then it kills small runs at random moments, and judges what comes out.

==============  ========================================================================================================
``case``        an input, and the register of the kinds
``workshop``    the small encoder, model, data and runs folder that each input spoils
``damages``     what can happen to a file
``strings``     texts, values and payloads that several kinds share
``kinds``       the inputs, one module for each part of robench that they reach
``process``     what is imported once, and the forks of it in which the inputs are tried, within limits of time
``trial``       the life of such a fork: its folders, its limits, and the events that mean that foreign code runs
``verdict``     what came of an input, from its exit code, output, events and files
``kills``       runs that are killed at random moments, and resumed until they are whole
``survival``    what has to be there in the end: what there was at a kill, and the results of an undisturbed run
==============  ========================================================================================================

To add a kind, write a function that yields :class:`torture.case.Case` from a ``random.Random`` and decorate it with
:func:`torture.case.kind`, in a module of :mod:`torture.kinds`; it is found there.
"""
