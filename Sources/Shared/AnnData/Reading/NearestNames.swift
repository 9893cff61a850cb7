/// Finds names that a mistyped one may have meant.
package enum NearestNames {
    /// At most three of `names` that differ little from `name`, nearest first.
    ///
    /// Differences in case alone count as none; otherwise up to a third of the characters may
    /// differ. Only the first 100,000 names are looked at.
    package static func of(_ name: String, in names: [String]) -> [String] {
        let wanted = Array(name.lowercased())
        let limit = max(1, wanted.count / 3)
        var found: [(distance: Int, name: String)] = []
        for candidate in names.prefix(100_000) {
            let other = Array(candidate.lowercased())
            if abs(other.count - wanted.count) > limit {
                let contains = candidate.lowercased().contains(name.lowercased())
                if contains, wanted.count >= 3 { found.append((limit + 1, candidate)) }
                continue
            }
            let distance = distance(wanted, other)
            if distance <= limit { found.append((distance, candidate)) }
        }
        let sorted = found.enumerated().sorted {
            ($0.element.distance, $0.offset) < ($1.element.distance, $1.offset)
        }
        return sorted.prefix(3).map(\.element.name)
    }

    /// Insertions, deletions and replacements that turn one text into the other.
    private static func distance(_ first: [Character], _ second: [Character]) -> Int {
        var row = Array(0...second.count)
        for (i, character) in first.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, other) in second.enumerated() {
                let replaced = diagonal + (character == other ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(replaced, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[second.count]
    }
}
