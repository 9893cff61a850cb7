/// The resources a worker is fetching or holds, and the order they are fetched in.
///
/// Resources that every fit needs stay for good. A block stays while a unit needs it, and counts
/// against the prefetch limit from its first request until a fit begins to use it, so the blocks
/// that only wait never take more than the limit, or one block if that alone is larger.
struct ResourceShelf {
    enum Stage: Equatable {
        case queued
        case fetching
        case ready
    }

    /// What is to be done about a resource that arrived damaged.
    enum Remedy: Equatable {
        case none
        case fetchAgain
        case giveUp(isCommon: Bool)
    }

    private struct Entry {
        let demand: ResourceDemand
        /// Whether every fit needs it.
        let isCommon: Bool
        var stage = Stage.queued
        /// Whether its bytes count against the limit.
        var isCounted = false
        /// Held units that need this block.
        var users = 0
        var damages = 0
    }

    private let limit: UInt64
    private let triesPerResource: Int
    private var entries: [String: Entry] = [:]
    private var queue: [String] = []
    private var missingCommonCount = 0
    /// Bytes on the way, or here and not yet used.
    private(set) var countedBytes: UInt64 = 0
    private var countedCount = 0

    init(limit: UInt64, triesPerResource: Int) {
        self.limit = limit
        self.triesPerResource = triesPerResource
    }

    /// Whether everything that every fit needs is here.
    var isCommonComplete: Bool { missingCommonCount == 0 }

    func isReady(_ name: String) -> Bool {
        entries[name]?.stage == .ready
    }

    mutating func wantCommon(_ demand: ResourceDemand) {
        guard entries[demand.name] == nil else { return }
        entries[demand.name] = Entry(demand: demand, isCommon: true)
        queue.append(demand.name)
        missingCommonCount += 1
    }

    mutating func wantBlock(_ demand: ResourceDemand) {
        if entries[demand.name] == nil {
            entries[demand.name] = Entry(demand: demand, isCommon: false)
            queue.append(demand.name)
        }
        entries[demand.name]?.users += 1
    }

    /// The next resource to request, as long as the limit allows one.
    mutating func nextFetch() -> ResourceDemand? {
        guard let name = queue.first, let entry = entries[name] else { return nil }
        let bytes = entry.demand.bytes
        let room = limit.subtractingOrZero(countedBytes)
        guard countedCount == 0 || bytes <= room else { return nil }
        queue.removeFirst()
        entries[name]?.stage = .fetching
        setCounted(name, true)
        return entry.demand
    }

    /// Notes that a resource is here; false when it was not on the way.
    mutating func complete(_ name: String) -> Bool {
        guard let entry = entries[name], entry.stage == .fetching else { return false }
        entries[name]?.stage = .ready
        if entry.isCommon {
            missingCommonCount -= 1
            setCounted(name, false)
        }
        return true
    }

    /// Notes that a resource arrived damaged.
    mutating func damage(_ name: String) -> Remedy {
        guard let entry = entries[name], entry.stage == .fetching else { return .none }
        setCounted(name, false)
        entries[name]?.stage = .queued
        entries[name]?.damages += 1
        guard entry.damages + 1 < triesPerResource else {
            return .giveUp(isCommon: entry.isCommon)
        }
        queue.insert(name, at: 0)
        return .fetchAgain
    }

    /// Whether every fit needs this resource; nil when it is not wanted.
    func isCommon(_ name: String) -> Bool? {
        entries[name]?.isCommon
    }

    /// Notes that a fit begins to use a block.
    mutating func use(_ name: String) {
        setCounted(name, false)
    }

    /// Notes that one unit no longer needs a block; true when nobody does and it is forgotten.
    mutating func giveBack(_ name: String) -> Bool {
        guard let entry = entries[name] else { return false }
        entries[name]?.users -= 1
        guard entry.users <= 1, !entry.isCommon else { return false }
        setCounted(name, false)
        if entry.stage == .queued {
            queue.removeAll { $0 == name }
        }
        entries[name] = nil
        return true
    }

    /// Forgets everything: the connection that it came over is gone.
    mutating func dropAll() {
        entries = [:]
        queue = []
        missingCommonCount = 0
        countedBytes = 0
        countedCount = 0
    }

    /// Stops fetching anything that has not been requested.
    mutating func stopFetching() {
        queue.removeAll()
    }

    private mutating func setCounted(_ name: String, _ isCounted: Bool) {
        guard let entry = entries[name], entry.isCounted != isCounted else { return }
        entries[name]?.isCounted = isCounted
        if isCounted {
            countedBytes += entry.demand.bytes
            countedCount += 1
        } else {
            countedBytes -= entry.demand.bytes
            countedCount -= 1
        }
    }

    func checkInvariants() -> [String] {
        var violations: [String] = []
        let counted = entries.values.filter(\.isCounted)
        let bytes = counted.reduce(0) { $0 + $1.demand.bytes }
        if counted.count != countedCount || bytes != countedBytes {
            violations.append("the counted bytes are not those of the counted resources")
        }
        if counted.count > 1 && bytes > limit {
            violations.append("more is fetched ahead than the limit allows")
        }
        if Set(queue).count != queue.count {
            violations.append("a resource is queued twice")
        }
        for name in queue where entries[name]?.stage != .queued {
            violations.append("\(name) is queued and not waiting to be fetched")
        }
        let missing = entries.values.count { $0.isCommon && $0.stage != .ready }
        if missing != missingCommonCount {
            violations.append("the missing common resources are miscounted")
        }
        for entry in entries.values where !entry.isCommon && entry.users < 1 {
            violations.append("\(entry.demand.name) is kept for nobody")
        }
        return violations
    }
}
