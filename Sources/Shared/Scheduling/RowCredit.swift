/// How many bytes of rows may be on the way to the coordinator at once.
///
/// One row may always be on the way, even if it alone is larger than the limit.
struct RowCredit {
    private(set) var limit: UInt64
    private(set) var inUse: UInt64 = 0
    /// Rows taken since nothing was in use: 1 allows more than the limit.
    private var rowsInUse = 0

    init(limit: UInt64) {
        self.limit = limit
    }

    /// Takes credit for a row; false when there is not enough.
    mutating func take(_ bytes: UInt64) -> Bool {
        guard inUse == 0 || bytes <= limit.subtractingOrZero(inUse) else { return false }
        rowsInUse = inUse == 0 ? 1 : rowsInUse + 1
        inUse += bytes
        return true
    }

    /// Gives credit back; more than is in use counts as all of it.
    mutating func giveBack(_ bytes: UInt64) {
        inUse = inUse.subtractingOrZero(bytes)
    }

    var isWithinLimit: Bool { inUse <= limit || rowsInUse == 1 }
}
