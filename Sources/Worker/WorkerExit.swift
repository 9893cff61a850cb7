/// How a worker process ends.
enum WorkerExit: Equatable {
    /// Left in order.
    case finished
    /// The coordinator would not have it.
    case refused(String)
    /// The connection was lost or unusable.
    case lost(String)

    /// How a process ends that was told to because a fit of its did not; its parent starts another.
    static let endedStatus: Int32 = 79

    /// The exit status.
    var status: Int32 {
        switch self {
        case .finished: 0
        case .refused: 77
        case .lost: 75
        }
    }
}
