"""Stores that several processes share, each with one bug in its feed or its tags."""

from __future__ import annotations

from typing import Any

from good import SharedSuite

from aicache.testing import SharedStore


class BeginsWhole(SharedStore):
    """It says of its beginning that nothing is missing."""

    async def follow(self, position: Any, wait: float, *, own: bool = False) -> Any:
        return (await super().follow(position, wait, own=own))._replace(is_whole=True)


class TestBeginsWhole(SharedSuite):
    kind = BeginsWhole
    caught_by = "test_the_beginning_is_not_whole_and_what_follows_is"


class ForgetsItsPlace(SharedStore):
    """It tells everything again and again."""

    async def follow(self, position: Any, wait: float, *, own: bool = False) -> Any:
        heard = await super().follow(position, wait, own=own)
        return heard if position is None else heard._replace(position=position)


class TestForgetsItsPlace(SharedSuite):
    kind = ForgetsItsPlace
    caught_by = "test_what_a_peer_changes_is_told_once"


class TellsOfTheFirst(SharedStore):
    async def follow(self, position: Any, wait: float, *, own: bool = False) -> Any:
        heard = await super().follow(position, wait, own=own)
        return heard._replace(keys=heard.keys[:1])


class TestTellsOfTheFirst(SharedSuite):
    kind = TellsOfTheFirst
    caught_by = "test_batches_of_a_peer_are_told"


class HearsItself(SharedStore):
    async def follow(self, position: Any, wait: float, *, own: bool = False) -> Any:
        return await super().follow(position, wait, own=True)


class TestHearsItself(SharedSuite):
    kind = HearsItself
    caught_by = "test_what_it_does_itself_is_told_where_that_is_asked_for"


class ClearsInSilence(SharedStore):
    async def clear(self) -> None:
        self.shelf._values.clear()


class TestClearsInSilence(SharedSuite):
    kind = ClearsInSilence
    caught_by = "test_after_a_clear_it_is_not_whole"


class TellsOfFills(SharedStore):
    async def fill(self, entries: Any, **options: Any) -> Any:
        stored = await super().fill(entries, **options)
        self.shelf._tell(self._writer, "key", stored)
        return stored


class TestTellsOfFills(SharedSuite):
    kind = TellsOfFills
    caught_by = "test_a_fill_is_not_told"


class InvalidatesInSilence(SharedStore):
    async def invalidate_tags(self, tags: Any) -> None:
        for tag in tags:
            self.shelf._versions.pop(tag, None)


class TestInvalidatesInSilence(SharedSuite):
    kind = InvalidatesInSilence
    caught_by = "test_tags_that_a_peer_invalidates_are_told"


class NewVersionsAlways(SharedStore):
    async def tag_versions(self, tags: Any, *, create: bool = False) -> Any:
        if create:
            self.shelf._versions = {}
        return await super().tag_versions(tags, create=create)


class TestNewVersionsAlways(SharedSuite):
    kind = NewVersionsAlways
    caught_by = "test_a_tag_has_the_version_that_it_was_given"


class CountsVersions(SharedStore):
    """A tag that was invalidated begins anew, with the same version."""

    async def tag_versions(self, tags: Any, *, create: bool = False) -> Any:
        if create:
            self.shelf._versions = dict.fromkeys(tags, b"1") | self.shelf._versions
        return await super().tag_versions(tags, create=create)


class TestCountsVersions(SharedSuite):
    kind = CountsVersions
    caught_by = "test_an_invalidated_tag_has_no_version_and_never_the_same_again"


class VersionsAtHome(SharedStore):
    async def tag_versions(self, tags: Any, *, create: bool = False) -> Any:
        found = await super().tag_versions(tags, create=create)
        return {tag: version + bytes([self._writer]) for tag, version in found.items()}


class TestVersionsAtHome(SharedSuite):
    kind = VersionsAtHome
    caught_by = "test_peers_see_the_same_versions"


class RenewsAges(SharedStore):
    """A tag that is given its version again is young again."""

    async def tag_versions(self, tags: Any, *, create: bool = False) -> Any:
        found = await super().tag_versions(tags, create=create)
        if create:
            now = self.shelf._clock()
            self.shelf._versions |= {tag: (version, now) for tag, version in found.items()}
        return found


class TestRenewsAges(SharedSuite):
    kind = RenewsAges
    caught_by = "test_a_tag_is_as_old_as_its_version"


class AgesSinceTheFirst(SharedStore):
    """A tag that was invalidated is as old as its first version."""

    async def invalidate_tags(self, tags: Any) -> None:
        first = self.shelf.__dict__.setdefault("_first", {})
        first |= {tag: self.shelf._versions[tag][1] for tag in tags if tag in self.shelf._versions}
        await super().invalidate_tags(tags)

    async def tag_ages(self, tags: Any) -> Any:
        first = self.shelf.__dict__.get("_first", {})
        ages = await super().tag_ages(tags)
        return {tag: self.shelf._clock() - first[tag] if tag in first else age for tag, age in ages.items()}


class TestAgesSinceTheFirst(SharedSuite):
    kind = AgesSinceTheFirst
    caught_by = "test_a_tag_is_as_old_as_its_version"


class AgesInMilliseconds(SharedStore):
    async def tag_ages(self, tags: Any) -> Any:
        return {tag: age * 1000 for tag, age in (await super().tag_ages(tags)).items()}


class TestAgesInMilliseconds(SharedSuite):
    kind = AgesInMilliseconds
    caught_by = "test_a_tag_is_as_old_as_its_version"


class AgesOfAll(SharedStore):
    async def tag_ages(self, tags: Any) -> Any:
        return dict.fromkeys(tags, 0.0) | await super().tag_ages(tags)


class TestAgesOfAll(SharedSuite):
    kind = AgesOfAll
    caught_by = "test_a_tag_without_a_version_has_no_age"


class ListsTags(SharedStore):
    async def scan(self, prefix: str = "") -> Any:
        for key in [*self.shelf.listed(), *self.shelf._versions]:
            if key.startswith(prefix):
                yield key


class TestListsTags(SharedSuite):
    kind = ListsTags
    caught_by = "test_versions_are_no_keys"


class TellsOfReclaims(SharedStore):
    async def reclaim(self, prefix: str = "") -> int:
        return await self.delete_many([key for key in self.shelf.listed() if key.startswith(prefix)])


class TestTellsOfReclaims(SharedSuite):
    kind = TellsOfReclaims
    caught_by = "test_a_reclaim_is_not_told"


class ReclaimsVersions(SharedStore):
    async def reclaim(self, prefix: str = "") -> int:
        self.shelf._versions.clear()
        return await super().reclaim(prefix)


class TestReclaimsVersions(SharedSuite):
    kind = ReclaimsVersions
    caught_by = "test_a_reclaim_takes_no_version_of_a_tag"


class ReclaimsUncounted(SharedStore):
    async def reclaim(self, prefix: str = "") -> int:
        return self.shelf.reclaim(prefix)


class TestReclaimsUncounted(SharedSuite):
    kind = ReclaimsUncounted
    caught_by = "test_what_begins_with_a_prefix_is_reclaimed_and_counted"
