"""The scenes as laws: every order of the clients' steps, in each of them."""

from __future__ import annotations

import pytest

from sojourn.stores.base import SessionStore
from sojourn.testing.interleaving.run import check_scene
from sojourn.testing.interleaving.scene import Scene
from sojourn.testing.interleaving.scenes import BAG_SCENES, SCENES
from sojourn.testing.law import law


class InterleavingLaws:
    """Clients that meet at a session of any :class:`~sojourn.stores.base.SessionStore`."""

    @pytest.mark.parametrize("scene", SCENES, ids=[scene.name for scene in SCENES])
    @law("INT-1", bystander=False)
    async def test_clients_may_meet_in_any_order(self, store: SessionStore, scene: Scene) -> None:
        """No lost update, no resurrection, no act by an old handle, one end, no more sessions than the limit."""
        await check_scene(store, scene)


class BagInterleavingLaws:
    """Clients that meet at a bag."""

    @pytest.mark.parametrize("scene", BAG_SCENES, ids=[scene.name for scene in BAG_SCENES])
    @law("INT-2", bystander=False)
    async def test_clients_may_meet_at_a_bag_in_any_order(self, store: SessionStore, scene: Scene) -> None:
        """No lost update of the bag, and no write for a session that is over."""
        await check_scene(store, scene)
