/// How long fits take for their size, learned from the latest that gave a row.
struct FitTimes {
    private static let capacity = 256

    /// Seconds per unit of cost.
    private var latest: [Double] = []
    private var oldest = 0

    var count: Int { latest.count }

    mutating func add(seconds: Double, cost: Double) {
        guard cost > 0, seconds > 0 else { return }
        if latest.count < Self.capacity {
            latest.append(seconds / cost)
        } else {
            latest[oldest] = seconds / cost
            oldest = (oldest + 1) % Self.capacity
        }
    }

    /// Seconds that a share of all fits of this cost stays below; nil when nothing is known.
    ///
    /// Cost: O(fits x log fits), of the few that are remembered.
    func seconds(cost: Double, share: Double) -> Double? {
        guard !latest.isEmpty else { return nil }
        let position = Int(Double(latest.count - 1) * share)
        return latest.sorted()[position] * cost
    }
}
