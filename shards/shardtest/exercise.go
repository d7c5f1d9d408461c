// Package shardtest says what a shard does, as tests that each engine has to
// pass. Imported by the tests of package shards only. It uses nothing but the
// exported API, so that it says nothing of how an engine does it.
package shardtest

import (
	"testing"

	"gatehouse/shards"
)

// Open opens an empty shard and closes it when the test ends.
type Open = func(t *testing.T, opts shards.Options) *shards.Shard

// Exercise runs every test on shards of its own.
func Exercise(t *testing.T, open func(t *testing.T, opts shards.Options) *shards.Shard) {
	for _, test := range []struct {
		name string
		run  func(*world)
	}{
		{"AWriteIsReadBack", writeIsReadBack},
		{"VersionsGrowByOne", versionsGrowByOne},
		{"AVersionThatMovedIsAConflict", movedVersionConflicts},
		{"UniqueValuesAreTaken", uniqueValuesAreTaken},
		{"ReferencesStayInTheAccount", referencesStayInTheAccount},
		{"WhatIsReferredToIsInUse", referredIsInUse},
		{"MembershipsGoWithTheirEnds", membershipsCascade},
		{"APartialWriteLeavesOutTheRefused", partialWrite},
		{"AWriteIsAllOrNothing", allOrNothing},
		{"WhatWasAbsentAndIsThereIsAConflict", absentConflicts},
		{"AnAccountSeesNothingOfItsNeighbour", neighbours},
		{"AKeyAnswersForItsWrite", keyAnswers},
		{"AKeyIsForgottenAfterADay", keyExpires},
		{"DuplicatesHaveOneEffect", duplicates},
		{"HistoryHasNoGaps", historyHasNoGaps},
		{"ChangesArePaged", changesArePaged},
		{"HistoryIsPaged", historyIsPaged},
		{"FollowersMissNothing", followersMissNothing},
		{"FollowersBeginNow", followersBeginNow},
		{"FollowersShareTheirReads", followersShareTheirReads},
		{"FollowersStayInTheirAccount", followersStayInTheirAccount},
		{"FollowersGetWholeWrites", followersGetWholeWrites},
		{"FollowersOfAClosedShardAreTold", followersOfAClosedShard},
		{"ABookmarkIsOfOneAccount", bookmarkIsOfOneAccount},
		{"ABookmarkAheadIsRefusedAtOnce", bookmarkAhead},
		{"AHandleReadsItsOwnWrites", readsItsOwnWrites},
		{"ASnapshotStaysWhereItIs", snapshotStays},
		{"RecordsOfSeveralTablesComeTogether", severalTables},
		{"RecordsComeWithWhatTheyReferTo", withWhatTheyReferTo},
		{"NothingIsReadBehindTheLast", nothingBehindTheLast},
		{"SnapshotsOfOneHandleDoNotCross", snapshotsDoNotCross},
		{"RequestsDoNotWaitForThemselves", requestsDoNotWaitForThemselves},
		{"ACursorIsOfOneList", cursorIsOfOneList},
		{"PagesMakeUpTheList", pagesMakeUpTheList},
		{"GroupedPagesAreThoseOfEachParent", groupedPages},
		{"RandomPagesAreAsTheyShould", randomPages},
		{"AnIDMayBeSentAsANumber", idOfDigits},
		{"SumsAreThoseOfTheRows", sums},
		{"ACancelledReadLeavesTheSnapshotUsable", cancelledRead},
		{"AClosedShardIsUnavailable", closedShard},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(newWorld(t, open))
		})
	}
}
