/// Occurrences in order of time; those of one time in the order they were planned.
struct Agenda {
    private var heap: [(time: UInt64, order: UInt64, occurrence: SimulatedOccurrence)] = []
    private var planned: UInt64 = 0

    mutating func plan(_ occurrence: SimulatedOccurrence, at time: UInt64) {
        planned += 1
        heap.append((time, planned, occurrence))
        var child = heap.count - 1
        while child > 0, isEarlier(child, (child - 1) / 2) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func next() -> (time: UInt64, occurrence: SimulatedOccurrence)? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        if !heap.isEmpty {
            heap[0] = last
            var parent = 0
            while true {
                var least = parent
                for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                    if isEarlier(child, least) { least = child }
                }
                guard least != parent else { break }
                heap.swapAt(parent, least)
                parent = least
            }
        }
        return (first.time, first.occurrence)
    }

    private func isEarlier(_ left: Int, _ right: Int) -> Bool {
        (heap[left].time, heap[left].order) < (heap[right].time, heap[right].order)
    }
}
