import Statistics
import Synchronization

/// The models of one comparison, its coefficients, and memory for its threads.
///
/// `@unchecked`: a gene's coefficients are touched by the one thread that visits the gene, and phases
/// are separated by barriers.
final class FullDesignComparison: @unchecked Sendable {
    /// One model with the patterns it was made of.
    struct Sides: Sendable {
        let model: ComparisonModel
        let control: PatternOffsets
        let perturbed: PatternOffsets

        /// A gene's counts by the patterns of the model.
        func counts(
            _ control: GeneCounts,
            _ perturbed: GeneCounts,
            _ scratch: DesignScratch
        ) -> DesignCounts {
            scratch.regroup(
                control: control,
                perturbed: perturbed,
                self.control,
                self.perturbed
            )
        }
    }

    /// The model that is fitted.
    let fitted: Sides
    /// The model with global offsets, which the posterior dispersion is estimated with.
    let posterior: Sides
    /// Whether both have the same offsets.
    let sharesOffsets: Bool
    private let coefficients: UnsafeMutableBufferPointer<Double>
    private let pool = Mutex<[DesignScratch]>([])

    /// Pairs models.
    ///
    /// - Parameters:
    ///   - fitted: The model that is fitted.
    ///   - posterior: The model with global offsets; nil when that is the same.
    ///   - genes: How many genes are fitted.
    init(fitted: Sides, posterior: Sides?, genes: Int) {
        self.fitted = fitted
        self.posterior = posterior ?? fitted
        sharesOffsets = posterior == nil
        coefficients = .allocate(capacity: genes * fitted.model.fittedColumns.count)
        coefficients.initialize(repeating: 0)
    }

    deinit { coefficients.deallocate() }

    /// β of the fitted gene with an index; shape `[fitted columns]`.
    func coefficients(_ index: Int) -> UnsafeMutablePointer<Double> {
        coefficients.baseAddress.unsafelyUnwrapped + index * fitted.model.fittedColumns.count
    }

    /// Calls `body` with memory that no other thread uses meanwhile.
    func withScratch(_ body: (DesignScratch) -> Void) {
        let scratch = pool.withLock { $0.popLast() } ?? DesignScratch(model: fitted.model)
        body(scratch)
        pool.withLock { $0.append(scratch) }
    }
}
