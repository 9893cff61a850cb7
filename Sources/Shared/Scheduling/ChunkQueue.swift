/// Requests of several workers, answered one of each in turn.
///
/// A worker has but few requests open, so that what waits here is small; what is bounded by it are
/// the answers, which are not.
package struct ChunkQueue<Request: Sendable>: Sendable {
    private var waiting: [UInt64: [Request]] = [:]
    /// Workers with something waiting, the one whose turn it is first.
    private var turns: [UInt64] = []

    /// An empty queue.
    package init() {}

    /// Whether nothing waits.
    package var isEmpty: Bool { turns.isEmpty }

    /// Requests that wait.
    package var count: Int { waiting.values.reduce(0) { $0 + $1.count } }

    /// Adds a worker's request behind its others.
    package mutating func add(_ request: Request, from worker: UInt64) {
        if waiting[worker] == nil { turns.append(worker) }
        waiting[worker, default: []].append(request)
    }

    /// Takes the next request out if there is room for its answer.
    package mutating func next(
        fitting hasRoom: (Request) -> Bool
    ) -> (worker: UInt64, request: Request)? {
        guard let worker = turns.first, var requests = waiting[worker],
            let request = requests.first, hasRoom(request)
        else { return nil }
        turns.removeFirst()
        requests.removeFirst()
        if requests.isEmpty {
            waiting[worker] = nil
        } else {
            waiting[worker] = requests
            turns.append(worker)
        }
        return (worker, request)
    }

    /// Forgets what a worker asked for.
    package mutating func removeAll(from worker: UInt64) {
        waiting[worker] = nil
        turns.removeAll { $0 == worker }
    }
}
