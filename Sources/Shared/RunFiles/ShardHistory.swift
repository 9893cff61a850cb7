/// What earlier attempts at a part of the work have left, so that a new one does only the rest.
package struct ShardHistory: Equatable, Sendable {
    /// Deaths of processes with one perturbation after which it is given up.
    package static let mostDeaths = 3

    /// Perturbations whose row is on the disk and whole.
    package private(set) var done: Set<UInt32> = []
    /// Perturbations that were given up, and why.
    package private(set) var givenUp: [UInt32: String] = [:]
    /// How many attempts ended without a word while they fitted a perturbation.
    ///
    /// A process that is still at work looks the same; that costs no more than the order of the fits.
    package private(set) var deaths: [UInt32: Int] = [:]
    /// Segments with damage, for a warning.
    package private(set) var damaged: [String] = []

    /// Looks through the segments.
    ///
    /// Those of other parts of the same partition hold nothing for this one and are left closed; those
    /// of another partition are looked at.
    ///
    /// - Parameters:
    ///   - folder: The segments.
    ///   - shard: The part.
    ///   - share: Its perturbations.
    ///   - run: The run.
    /// - Throws: ``RunFilesError`` when a segment cannot be read.
    package init(
        _ folder: SegmentFolder,
        _ shard: Shard,
        share: some Sequence<Int>,
        of run: PreparedRun
    ) throws(RunFilesError) {
        let wanted = Set(share.map { UInt32($0) })
        for segment in folder.segments {
            if segment.shard.count == shard.count, segment.shard != shard { continue }
            var reader = try SegmentReader(segment.path, of: run)
            try take(&reader, wanted)
        }
    }

    private mutating func take(
        _ reader: inout SegmentReader,
        _ wanted: Set<UInt32>
    ) throws(RunFilesError) {
        var begun: Set<UInt32> = []
        var taken = false
        while let found = try reader.next() {
            let record = found.record
            guard wanted.contains(record.perturbation) else { continue }
            switch record.kind {
            case .began: begun.insert(record.perturbation)
            case .failed, .returned: begun.remove(record.perturbation)
            case .row:
                begun.remove(record.perturbation)
                guard !done.contains(record.perturbation),
                    try reader.payload(found) != nil
                else { continue }
                done.insert(record.perturbation)
                taken = true
            case .givenUp:
                guard let text = try reader.payload(found) else { continue }
                givenUp[record.perturbation] = String(decoding: text, as: UTF8.self)
            }
        }
        for perturbation in begun { deaths[perturbation, default: 0] += 1 }
        if taken { try reader.synchronize() }
        if reader.damagedBytes > 0 { damaged.append(reader.path) }
    }

    /// The rest of a part in the order in which it is to be fitted, and what is to be fitted alone.
    ///
    /// Perturbations with which processes died come last and one at a time: first everything else is
    /// safe, then a further death can be blamed on one.
    package func rest(of share: [Int]) -> (together: [UInt32], alone: [UInt32]) {
        let left = share.map { UInt32($0) }.filter { !done.contains($0) && givenUp[$0] == nil }
        return (
            left.filter { deaths[$0] == nil },
            left.filter { (1..<Self.mostDeaths).contains(deaths[$0] ?? 0) }
        )
    }

    /// What has to be given up now.
    package func lost(of share: [Int]) -> [UInt32] {
        share.map { UInt32($0) }.filter {
            !done.contains($0) && givenUp[$0] == nil && deaths[$0] ?? 0 >= Self.mostDeaths
        }
    }
}
