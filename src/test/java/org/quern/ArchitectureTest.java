package org.quern;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaAccess.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/** Holds the layering of the packages, and what may be called from where. */
class ArchitectureTest {
    private static final String ROOT = "org.quern";

    /** From the bottom up; the packages of one row do not see each other. */
    static final List<List<String>> LAYERS =
            List.of(
                    List.of("random", "files"),
                    List.of("data"),
                    List.of("model"),
                    List.of("plan"),
                    List.of("io", "backend"),
                    List.of("train"),
                    List.of("run", "verify"),
                    List.of("bench"),
                    List.of("report"),
                    List.of("web"),
                    List.of("cli"));

    /** The backends, and what OpenCL and CUDA share. */
    static final List<String> BACKENDS =
            List.of("reference", "java", "cpu", "gpu", "opencl", "cuda");

    /** The one exception to "backends do not see each other". */
    private static final Map<String, Set<String>> SHARED =
            Map.of("opencl", Set.of("gpu"), "cuda", Set.of("gpu"));

    private static JavaClasses main;

    @BeforeAll
    static void readClasses() {
        main =
                new ClassFileImporter()
                        .withImportOption(new ImportOption.DoNotIncludeTests())
                        .importPackages(ROOT);
        assertThat(main).isNotEmpty();
    }

    @ParameterizedTest
    @FieldSource("LAYERS")
    void layersDependDownwardsOnly(List<String> row) {
        for (String layer : row) {
            List<String> forbidden = new ArrayList<>(row);
            forbidden.remove(layer);
            LAYERS.subList(LAYERS.indexOf(row) + 1, LAYERS.size()).forEach(forbidden::addAll);
            if (!forbidden.isEmpty()) {
                check(
                        noClasses()
                                .that(resideInAPackage(tree(layer)))
                                .should()
                                .dependOnClassesThat(resideInAnyPackage(trees("", forbidden))));
            }
        }
    }

    @Test
    void everyClassIsInALayer() {
        List<String> layers = LAYERS.stream().flatMap(List::stream).toList();
        check(
                classes()
                        .should()
                        .resideInAnyPackage(trees("", layers))
                        .orShould()
                        .haveNameMatching(
                                "org\\.quern\\.(QuernException(\\$.*)?|Version|package-info)"));
        check(
                noClasses()
                        .that(resideInAPackage(ROOT))
                        .should()
                        .dependOnClassesThat(resideInAnyPackage(trees("", layers))));
    }

    @ParameterizedTest
    @FieldSource("BACKENDS")
    void backendsDoNotSeeEachOther(String backend) {
        List<String> others = new ArrayList<>(BACKENDS);

        others.remove(backend);
        others.removeAll(SHARED.getOrDefault(backend, Set.of()));
        check(
                noClasses()
                        .that(resideInAPackage(tree("backend." + backend)))
                        .should()
                        .dependOnClassesThat(resideInAnyPackage(trees("backend.", others))));
    }

    @Test
    void theBackendInterfaceKnowsNoBackend() {
        check(
                noClasses()
                        .that(resideInAPackage(ROOT + ".backend"))
                        .should()
                        .dependOnClassesThat(resideInAPackage(ROOT + ".backend.*..")));
    }

    /** The reference is more than a backend: it is what others are checked against, in float64. */
    @Test
    void onlyTheReferenceIsUsedByName() {
        List<String> found = new ArrayList<>(BACKENDS);
        found.remove("reference");
        String[] packages = trees("backend.", found);
        check(
                noClasses()
                        .that(not(resideInAnyPackage(packages)))
                        .should()
                        .dependOnClassesThat(resideInAnyPackage(packages)));
    }

    @Test
    void eachForeignLibraryHasOneUser() {
        onlyUserOf("org.lwjgl..", "backend.opencl");
        onlyUserOf("jcuda..", "backend.cuda");
        onlyUserOf("picocli..", "cli");
        onlyUserOf("de.siegmar.fastcsv..", "data");
        onlyUserOf("io.jhdf..", "io");
    }

    @Test
    void onlyTheCommandLineEndsTheProcess() {
        check(
                noClasses()
                        .that(not(nameMatching("org\\.quern\\.cli\\.(Quern|Interrupts)(\\$.*)?")))
                        .should()
                        .callMethodWhere(
                                target(owner(nameMatching("java\\.lang\\.(System|Runtime)")))
                                        .and(target(nameMatching("exit|halt")))));
    }

    @Test
    void onlyTheCommandLineSpeaksOnTheStandardStreams() {
        check(
                noClasses()
                        .that(not(resideInAPackage(tree("cli"))))
                        .should()
                        .accessFieldWhere(
                                target(owner(nameMatching("java\\.lang\\.System")))
                                        .and(target(nameMatching("out|err|in"))))
                        .orShould()
                        .callMethodWhere(
                                target(nameMatching("printStackTrace"))
                                        .and(target(owner(assignableTo(Throwable.class))))));
    }

    @Test
    void imagesAreMadeInDataAndNoWindowSystemIsTouched() {
        onlyUserOf("javax.imageio..", "data");
        check(
                noClasses()
                        .that(not(resideInAPackage(tree("data"))))
                        .and(not(nameMatching("org\\.quern\\.report\\.Show"))) // hands them on
                        .should()
                        .dependOnClassesThat(resideInAPackage("java.awt.image..")));
        check(
                noClasses()
                        .should()
                        .dependOnClassesThat(
                                resideInAnyPackage("java.awt..", "javax.swing..")
                                        .and(not(resideInAPackage("java.awt.image..")))));
    }

    @Test
    void allRandomnessComesFromOurOwnGenerator() {
        check(
                noClasses()
                        .that(not(resideInAPackage("..web.."))) // secrets may not be repeatable
                        .should()
                        .dependOnClassesThat(
                                nameMatching(
                                        "java\\.util\\.(Random|SplittableRandom"
                                                + "|concurrent\\.ThreadLocalRandom|random\\..*)"
                                                + "|java\\.security\\.SecureRandom"))
                        .orShould()
                        .callMethod(Math.class, "random")
                        .orShould()
                        .callMethod(StrictMath.class, "random")
                        .orShould()
                        .callMethod(java.util.Collections.class, "shuffle", List.class));
    }

    private static void onlyUserOf(String library, String user) {
        check(
                noClasses()
                        .that(not(resideInAPackage(tree(user))))
                        .should()
                        .dependOnClassesThat(resideInAPackage(library)));
    }

    /** A package that does not exist yet holds every rule. */
    private static void check(ArchRule rule) {
        rule.allowEmptyShould(true).check(main);
    }

    private static DescribedPredicate<JavaClass> assignableTo(Class<?> type) {
        return JavaClass.Predicates.assignableTo(type);
    }

    private static String tree(String name) {
        return ROOT + "." + name + "..";
    }

    private static String[] trees(String prefix, List<String> names) {
        return names.stream().map(name -> tree(prefix + name)).toArray(String[]::new);
    }
}
