/// One part of the work of an array: part `index` of `count`.
package struct Shard: Hashable, Sendable, CustomStringConvertible {
    /// Most parts that a run may be cut into.
    package static let mostParts = 100_000

    /// Which part, from 0.
    package let index: Int
    /// How many parts there are.
    package let count: Int

    /// A part; nil when there is none of that number.
    package init?(index: Int, count: Int) {
        guard (1...Self.mostParts).contains(count), (0..<count).contains(index) else { return nil }
        self.index = index
        self.count = count
    }

    /// Reads `I/N`; nil for anything else.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let index = Self.number(parts[0]), let count = Self.number(parts[1])
        else { return nil }
        self.init(index: index, count: count)
    }

    /// Digits alone: signs and blanks are slips of a script.
    private static func number(_ text: Substring) -> Int? {
        text.allSatisfy { $0.isASCII && $0.isNumber } ? Int(text) : nil
    }

    package var description: String { "\(index)/\(count)" }
}

/// Cuts the perturbations of a run into parts of about equal work.
///
/// The most expensive perturbation first, each to the part that has least: no part exceeds another
/// by more than one perturbation's work. Decided by costs alone, so that every process that cuts
/// the same run into as many parts finds the same ones.
package struct ShardPlan: Sendable {
    /// The perturbations of each part, most expensive first; parts without work are left out.
    private let parts: [[Int]]

    /// Cuts work into parts.
    ///
    /// - Parameters:
    ///   - costs: Cost of each perturbation, not negative.
    ///   - count: Number of parts.
    package init(costs: [Double], count: Int) {
        // With more parts than perturbations the rest stays empty.
        var heap = LoadHeap(count: min(count, costs.count))
        var parts = [[Int]](repeating: [], count: min(count, costs.count))
        let order = costs.indices.sorted { (costs[$1], $0) < (costs[$0], $1) }
        for unit in order { parts[heap.add(costs[unit])].append(unit) }
        self.parts = parts
    }

    /// The perturbations of a part, most expensive first.
    package subscript(part: Int) -> [Int] { part < parts.count ? parts[part] : [] }
}

/// Loads of parts, the least one first, ties by number.
private struct LoadHeap {
    private var entries: [(load: Double, part: Int)]

    init(count: Int) { entries = (0..<count).map { (0, $0) } }

    /// Adds work to the part that has least; returns the part.
    mutating func add(_ cost: Double) -> Int {
        let part = entries[0].part
        entries[0].load += cost
        var place = 0
        while true {
            var least = place
            for child in [2 * place + 1, 2 * place + 2]
            where child < entries.count && entries[child] < entries[least] {
                least = child
            }
            if least == place { return part }
            entries.swapAt(place, least)
            place = least
        }
    }
}
