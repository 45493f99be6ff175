"""Clients that meet at a session, in every order of their steps.

A :class:`Scene` is what is there at first, and two or three clients (:class:`Client`) with their steps.
:func:`check_scene` runs every order of the steps on a store, each with a session of its own, and raises
:class:`Violation` with a readable history when an update was lost, something succeeded after an acknowledged end or by
the handle of before a rotation, an end changed, a limit was exceeded, or an answer differs from the memory store's.
:func:`explore` does the same one level below: for a store whose acts take several round trips, held by a :class:`Gate`.
"""

from sojourn.testing.interleaving.explore import Explored, explore
from sojourn.testing.interleaving.gate import Gate
from sojourn.testing.interleaving.orders import orders
from sojourn.testing.interleaving.run import Violation, check_order, check_scene
from sojourn.testing.interleaving.scene import Client, Memory, Prepare, Scene, Step
from sojourn.testing.interleaving.scenes import BAG_SCENES, SCENES

__all__ = [
    "BAG_SCENES",
    "SCENES",
    "Client",
    "Explored",
    "Gate",
    "Memory",
    "Prepare",
    "Scene",
    "Step",
    "Violation",
    "check_order",
    "check_scene",
    "explore",
    "orders",
]
